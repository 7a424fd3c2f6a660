/**
 * The hours in which a node works: spans such as `mon-fri 22:00-07:00` in the local time of its machine, and the minutes of
 * a week that they cover. A span that ends before it begins goes on into the next day.
 */
import { HartonomousError } from '../errors.ts'
import { scheduleSpansMax } from '../limits.ts'

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
/** As sentences name them, Monday first. */
export const weekdayNames = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const

export const minutesPerDay = 24 * 60
export const minutesPerWeek = 7 * minutesPerDay

/** One byte per minute from Monday 00:00 on: 1 where the node works. */
export type OpenWeek = Uint8Array

interface Span {
  firstDay: number
  /** Days that begin with it: 1 to 7. */
  days: number
  /** Minutes of the day; the end may be 1440, and before the start where it is one of the next day. */
  start: number
  end: number
}

/** @throws {ERR_USAGE} naming the span that cannot be read */
export function openWeekOf(spans: readonly string[]): OpenWeek {
  if (spans.length > scheduleSpansMax) throw wrong(`${spans.length} spans; a schedule has ${scheduleSpansMax} at most`)
  const week = new Uint8Array(minutesPerWeek)
  for (const text of spans) {
    const { firstDay, days, start, end } = parseSpan(text)
    const length = end > start ? end - start : end - start + minutesPerDay
    for (let day = firstDay; day < firstDay + days; day++) {
      const from = day * minutesPerDay + start
      for (let minute = from; minute < from + length; minute++) week[minute % minutesPerWeek] = 1
    }
  }
  return week
}

/** Spans that cover exactly these minutes, equal hours of neighbouring days as one. */
export function spansOfWeek(week: OpenWeek): string[] {
  const byHours = new Map<string, number[]>()
  for (const { day, hours } of piecesOf(week).sort((a, b) => a.day - b.day)) {
    const days = byHours.get(hours)
    if (days === undefined) byHours.set(hours, [day])
    else days.push(day)
  }
  return [...byHours].flatMap(([hours, days]) => dayRanges(days).map((range) => `${range} ${hours}`))
}

/** `1350` minutes from Monday 00:00 on -> `Monday 22:30`. */
export function weekMinuteName(minute: number): string {
  const day = Math.floor(minute / minutesPerDay)
  return `${weekdayNames[day]} ${clockTime(minute % minutesPerDay)}`
}

function parseSpan(text: string): Span {
  const match = /^([a-z]{3})(?:-([a-z]{3}))? +(\d{2}):(\d{2})-(\d{2}):(\d{2})$/.exec(text.trim().toLowerCase())
  const example = `${JSON.stringify(text.slice(0, 40))} is no span; write it like mon-fri 22:00-07:00`
  if (match === null) throw wrong(example)
  const [, first, last, ...times] = match
  const firstDay = dayNumber(first!)
  const lastDay = last === undefined ? firstDay : dayNumber(last)
  if (firstDay < 0 || lastDay < 0) throw wrong(`${example}; days are ${weekdays.join(', ')}`)
  const [start, end] = [minuteOf(times[0]!, times[1]!), minuteOf(times[2]!, times[3]!)]
  if (start === undefined || end === undefined || start === minutesPerDay)
    throw wrong(`${example}; times are 00:00 to 24:00`)
  if (start === end) throw wrong(`${example}; it ends when it begins, a whole day is 00:00-24:00`)
  return { firstDay, days: ((lastDay - firstDay + 7) % 7) + 1, start, end }
}

function dayNumber(text: string): number {
  return (weekdays as readonly string[]).indexOf(text)
}

function minuteOf(hours: string, minutes: string): number | undefined {
  const minute = Number(hours) * 60 + Number(minutes)
  return Number(minutes) < 60 && minute <= minutesPerDay ? minute : undefined
}

/** Open runs of the week, each in pieces that one span can say: shorter than a day, or a whole one. */
function piecesOf(week: OpenWeek): { day: number; hours: string }[] {
  const closed = week.indexOf(0)
  const runs: [start: number, length: number][] = closed < 0 ? [[0, minutesPerWeek]] : []
  // Around the week from a closed minute on, so that no run is met in its middle.
  for (let step = 1, length = 0; closed >= 0 && step <= minutesPerWeek; step++) {
    const isOpen = week[(closed + step) % minutesPerWeek] === 1
    if (isOpen) length++
    else if (length > 0) {
      runs.push([(closed + step - length) % minutesPerWeek, length])
      length = 0
    }
  }
  return runs.flatMap(([start, length]) => {
    const pieces: { day: number; hours: string }[] = []
    for (let at = start, left = length; left > 0; ) {
      const from = at % minutesPerDay
      const taken = left < minutesPerDay ? left : minutesPerDay - from
      const until = from + taken <= minutesPerDay ? from + taken : from + taken - minutesPerDay
      pieces.push({ day: Math.floor(at / minutesPerDay) % 7, hours: `${clockTime(from)}-${clockTime(until)}` })
      at += taken
      left -= taken
    }
    return pieces
  })
}

function dayRanges(days: readonly number[]): string[] {
  const ranges: [number, number][] = []
  for (const day of days) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === day - 1) last[1] = day
    else ranges.push([day, day])
  }
  return ranges.map(([first, last]) => (first === last ? weekdays[first]! : `${weekdays[first]}-${weekdays[last]}`))
}

function clockTime(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
}

function wrong(message: string): HartonomousError<'ERR_USAGE'> {
  return new HartonomousError('ERR_USAGE', { message })
}
