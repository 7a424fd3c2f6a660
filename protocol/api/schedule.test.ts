import fc from 'fast-check'
import { expect, test } from 'vitest'
import { minutesPerWeek, openWeekOf, spansOfWeek, weekMinuteName } from './schedule.ts'

const minuteOf = (day: number, hour: number, minute = 0) => day * 1440 + hour * 60 + minute

test('schedule: a night that begins on Friday ends on Saturday, and that of Sunday on Monday', () => {
  const week = openWeekOf(['fri 22:00-07:00', 'SUN 23:30-01:00'])
  expect(week[minuteOf(4, 21, 59)]).toBe(0)
  expect(week[minuteOf(4, 22)]).toBe(1)
  expect(week[minuteOf(5, 6, 59)]).toBe(1)
  expect(week[minuteOf(5, 7)]).toBe(0)
  expect(week[minuteOf(6, 23, 30)]).toBe(1)
  expect(week[minuteOf(0, 0, 59)]).toBe(1)
  expect(week.reduce((sum, minute) => sum + minute, 0)).toBe(9 * 60 + 90)
})

test('schedule: days may go around the end of the week', () => {
  expect(openWeekOf(['sat-mon 00:00-24:00']).reduce((sum, minute) => sum + minute, 0)).toBe(3 * 1440)
  expect(spansOfWeek(openWeekOf(['sat-mon 00:00-24:00']))).toEqual(['mon 00:00-24:00', 'sat-sun 00:00-24:00'])
})

test('schedule: equal hours of neighbouring days are told as one span', () => {
  for (const spans of [['mon-fri 22:00-07:00'], ['mon-sun 00:00-24:00'], ['wed 09:15-09:16'], []])
    expect(spansOfWeek(openWeekOf(spans))).toEqual(spans)
  // The night of Friday runs into a Saturday that is open from midnight on anyway.
  expect(spansOfWeek(openWeekOf(['mon-fri 22:00-07:00', 'sat-sun 00:00-24:00']))).toEqual([
    'mon-thu 22:00-07:00',
    'fri 22:00-24:00',
    'sat-sun 00:00-24:00',
  ])
})

test('schedule: any week survives being written as spans', () => {
  const bounds = fc.uniqueArray(fc.nat(minutesPerWeek - 1), { maxLength: 40 })
  fc.assert(
    fc.property(bounds, fc.boolean(), (edges, first) => {
      const week = new Uint8Array(minutesPerWeek)
      const at = new Set(edges)
      let isOpen = first
      for (let minute = 0; minute < minutesPerWeek; minute++) {
        if (at.has(minute)) isOpen = !isOpen
        week[minute] = Number(isOpen)
      }
      expect(Buffer.compare(openWeekOf(spansOfWeek(week)), week)).toBe(0)
    }),
  )
})

test('schedule: text that is no span is refused, naming it', () => {
  for (const text of [
    'monday 9-17',
    'mon 25:00-26:00',
    'mon 24:00-07:00',
    'mon 09:00-09:00',
    'mon 9:00-17:00',
    'xyz 09:00-17:00',
    '',
  ])
    expect(() => openWeekOf([text]), text).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  expect(() => openWeekOf(Array.from({ length: 169 }, () => 'mon 09:00-10:00'))).toThrow(/168 at most/)
})

test('schedule: a minute of the week has a name', () => {
  expect(weekMinuteName(minuteOf(0, 22, 5))).toBe('Monday 22:05')
  expect(weekMinuteName(minuteOf(6, 0))).toBe('Sunday 00:00')
})
