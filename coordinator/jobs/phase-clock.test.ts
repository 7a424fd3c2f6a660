import { expect, test, vi } from 'vitest'
import { PhaseClock } from './phase-clock.ts'

test('phases: each has its own time, and a phase that is entered again goes on', () => {
  vi.useFakeTimers({ now: 1000 })
  try {
    const clock = new PhaseClock([], { loading: 500 }, Date.now)
    expect(clock.enter('queued')).toBe(true)
    vi.advanceTimersByTime(400)
    expect(clock.enter('loading')).toBe(true)
    vi.advanceTimersByTime(300)
    expect(clock.enter('loading')).toBe(false)
    expect(clock.signal.aborted).toBe(false)
    vi.advanceTimersByTime(200)
    expect(clock.signal.aborted).toBe(true)
    expect(String(clock.signal.reason)).toContain('loading')
    clock.end()
    expect(clock.phases).toEqual([
      { phase: 'queued', sinceMs: 1000, endedAtMs: 1400 },
      { phase: 'loading', sinceMs: 1400, endedAtMs: 1900 },
    ])
  } finally {
    vi.useRealTimers()
  }
})

test('phases: a job that was in a phase before a restart has what was left of its time', () => {
  vi.useFakeTimers({ now: 10_000 })
  try {
    const clock = new PhaseClock([{ phase: 'running', sinceMs: 9000 }], { running: 1500 }, Date.now)
    clock.enter('running')
    vi.advanceTimersByTime(499)
    expect(clock.signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(clock.signal.aborted).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})
