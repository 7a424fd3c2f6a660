import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { minutesPerWeek, openWeekOf } from '#protocol/api/schedule.ts'
import { day, hour, minute } from '#protocol/units.ts'
import { localWeekClock, nextChange, ScheduleKeeper, type WeekClock } from './schedule-keeper.ts'

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** The wall clock of a real zone, from its published rules. */
function clockOf(timeZone: string): WeekClock {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  return (atMs) => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]))
    return (weekdays.indexOf(parts['weekday']!) * 24 + Number(parts['hour'])) * 60 + Number(parts['minute'])
  }
}

/** Nobody's zone: its clock jumps once, by so much, at that minute. */
function jumpingClock(jumpAtMs: number, jumpMinutes: number): WeekClock {
  return (atMs) => {
    const minutes = Math.floor(atMs / minute) + (atMs >= jumpAtMs ? jumpMinutes : 0)
    return (((minutes + 3 * 24 * 60) % minutesPerWeek) + minutesPerWeek) % minutesPerWeek
  }
}

test('schedule: the clock of this machine counts from Monday 00:00', () => {
  expect(localWeekClock(new Date(2026, 10, 16, 0, 0).getTime())).toBe(0)
  expect(localWeekClock(new Date(2026, 10, 22, 23, 59).getTime())).toBe(minutesPerWeek - 1)
})

test('schedule: until the next change nothing changes, and then it does, whatever the clock does meanwhile', () => {
  const span = fc
    .tuple(fc.constantFrom('mon', 'tue-fri', 'sat-mon', 'sun'), fc.nat(1439), fc.nat(1440))
    .filter(([, start, end]) => start !== end)
    .map(([days, start, end]) => `${days} ${clockTime(start)}-${clockTime(end)}`)
  const jump = fc.record({ afterMinutes: fc.nat(8 * 24 * 60), minutes: fc.constantFrom(-60, -30, 0, 30, 60) })
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 5 }), fc.nat(400 * day), jump, (spans, nowMs, jump) => {
      const week = openWeekOf(spans)
      const clock = jumpingClock(Math.floor(nowMs / minute + jump.afterMinutes) * minute, jump.minutes)
      const changeMs = nextChange(week, nowMs, clock)
      const isOpen = week[clock(nowMs)]
      const endMs = changeMs ?? nowMs + 8 * day
      for (let atMs = nowMs; atMs < endMs; atMs += 7 * minute) expect(week[clock(atMs)]).toBe(isOpen)
      if (changeMs === undefined) return expect(new Set(week).size).toBe(1)
      expect(changeMs).toBeGreaterThan(nowMs)
      expect(week[clock(changeMs - 1)]).toBe(isOpen)
      expect(week[clock(changeMs)]).not.toBe(isOpen)
    }),
    { numRuns: 60 },
  )
})

test('schedule: where summer time skips the hour in which it would open, it opens when the clock has jumped', () => {
  // Berlin, 29 March 2026: 02:00 becomes 03:00, at 01:00 UTC.
  const berlin = clockOf('Europe/Berlin')
  const week = openWeekOf(['sun 02:30-05:00'])
  const opensMs = nextChange(week, Date.parse('2026-03-28T12:00:00Z'), berlin)!
  expect(new Date(opensMs).toISOString()).toBe('2026-03-29T01:00:00.000Z')
  expect(new Date(nextChange(week, opensMs, berlin)!).toISOString()).toBe('2026-03-29T03:00:00.000Z')
})

test('schedule: where the clock is set back, the hour that comes twice is open twice', () => {
  // Berlin, 25 October 2026: 03:00 becomes 02:00, at 01:00 UTC.
  const berlin = clockOf('Europe/Berlin')
  const week = openWeekOf(['sun 02:15-02:45'])
  const changes: string[] = []
  for (let atMs = Date.parse('2026-10-24T12:00:00Z'); changes.length < 4; ) {
    atMs = nextChange(week, atMs, berlin)!
    changes.push(new Date(atMs).toISOString().slice(11, 16))
  }
  expect(changes).toEqual(['00:15', '00:45', '01:15', '01:45'])
})

test('schedule: a zone that moves by half an hour is followed too', () => {
  // Lord Howe, 5 April 2026: 02:00 becomes 01:30, at 15:00 UTC of the day before.
  const howe = clockOf('Australia/Lord_Howe')
  const week = openWeekOf(['sun 02:00-03:00'])
  const opensMs = nextChange(week, Date.parse('2026-04-04T12:00:00Z'), howe)!
  expect(new Date(opensMs).toISOString()).toBe('2026-04-04T15:30:00.000Z')
})

const mondayMs = Date.parse('2026-11-16T00:00:00Z')
const utc: WeekClock = jumpingClock(0, 0)

beforeEach(() => void vi.useFakeTimers({ now: mondayMs + 12 * hour }))
afterEach(() => void vi.useRealTimers())

function keep(spans: string[]) {
  const heard: boolean[] = []
  const keeper = new ScheduleKeeper({
    spans: () => spans,
    onChange: (isPaused) => heard.push(isPaused),
    now: Date.now,
    clock: utc,
  })
  keeper.start()
  return { keeper, heard, spans }
}

test('schedule: a node is paused outside its hours, and says when it goes on', () => {
  const { keeper, heard } = keep(['mon-fri 22:00-07:00'])
  expect(keeper.isPaused).toBe(true)
  expect(keeper.reason).toBe('outside its schedule; goes on Monday 22:00')
  vi.setSystemTime(mondayMs + 21 * hour)
  vi.advanceTimersByTime(hour + minute)
  expect(heard).toEqual([true, false])
  expect(new Date(keeper.nextChangeAtMs!).toISOString()).toBe('2026-11-17T07:00:00.000Z')
  keeper.stop()
})

test('schedule: what the owner says by hand holds until the schedule changes next', () => {
  const { keeper, heard } = keep(['mon-fri 22:00-07:00'])
  keeper.setPaused(false)
  expect([keeper.isPaused, keeper.override]).toEqual([false, 'running'])
  vi.setSystemTime(mondayMs + 21 * hour)
  vi.advanceTimersByTime(hour + minute)
  expect([keeper.isPaused, keeper.override]).toEqual([false, undefined])
  keeper.setPaused(true)
  expect(keeper.reason).toBe('its owner paused it; its schedule decides again on Tuesday 07:00')
  vi.setSystemTime(mondayMs + day + 23 * hour)
  vi.advanceTimersByTime(2 * minute)
  expect([keeper.isPaused, keeper.override]).toEqual([false, undefined])
  // Said by hand while it ran already: told all the same.
  expect(heard).toEqual([true, false, true, false])
  keeper.stop()
})

test('schedule: without one the owner alone decides', () => {
  const { keeper, heard, spans } = keep([])
  expect([keeper.isPaused, keeper.nextChangeAtMs]).toEqual([false, undefined])
  keeper.setPaused(true)
  vi.advanceTimersByTime(9 * day)
  expect([keeper.isPaused, keeper.reason]).toEqual([true, 'its owner paused it'])
  keeper.setPaused(false)
  expect(keeper.override).toBeUndefined()
  keeper.stop()
  expect([heard, spans]).toEqual([[true, false], []])
})

test('schedule: a new one is kept to at once, but does not wake a node that its owner has paused', () => {
  const { keeper, spans } = keep(['mon 00:00-24:00'])
  keeper.setPaused(false)
  spans.splice(0, 1, 'tue 00:00-24:00')
  keeper.changed()
  expect([keeper.isPaused, keeper.override]).toEqual([true, undefined])
  keeper.setPaused(true)
  spans.splice(0, 1, 'mon 00:00-24:00')
  keeper.changed()
  expect([keeper.isPaused, keeper.override]).toEqual([true, 'paused'])
  vi.setSystemTime(mondayMs + day + hour)
  vi.advanceTimersByTime(2 * minute)
  expect([keeper.isPaused, keeper.override]).toEqual([true, undefined])
  keeper.stop()
})

function clockTime(minuteOfDay: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(minuteOfDay / 60))}:${two(minuteOfDay % 60)}`
}
