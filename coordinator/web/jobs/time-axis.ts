import { day, hour, minute, second } from '#protocol/units.ts'

/** From a millisecond to a week, each a step that people count in. */
const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 20, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 20, 30].map((count) => count * minute),
  ...[1, 2, 4, 8, 12].map((count) => count * hour),
  ...[1, 2, 7].map((count) => count * day),
]

/** Few enough to be read; at 390 px every second one is. */
const ticksMax = 5

/** Round times within a length, from 0 on; the last stands clear of the end, where its words would leave the window. */
export function axisTicks(totalMs: number): number[] {
  const step = steps.find((each) => totalMs / each <= ticksMax) ?? Math.ceil(totalMs / ticksMax / day) * day
  const count = Math.floor((0.92 * totalMs) / step)
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}
