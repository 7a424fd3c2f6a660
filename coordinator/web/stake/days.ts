import { day, formatDuration } from '#protocol/units.ts'

/** `14 days` for whole ones, as terms of contracts are. */
export function formatDays(ms: number): string {
  if (ms % day !== 0) return formatDuration(ms)
  return ms === day ? '1 day' : `${ms / day} days`
}
