/**
 * Keeps a node to its weekly schedule: paused outside of it, and when that changes next. What the owner says by hand goes
 * before the schedule until its next change.
 */
import { minutesPerWeek, type OpenWeek, openWeekOf, weekMinuteName } from '#protocol/api/schedule.ts'
import { minute } from '#protocol/units.ts'

/** Minutes since Monday 00:00 of the local wall clock at an instant. It jumps where summer time begins and ends. */
export type WeekClock = (atMs: number) => number

export const localWeekClock: WeekClock = (atMs) => {
  const date = new Date(atMs)
  return (((date.getDay() + 6) % 7) * 24 + date.getHours()) * 60 + date.getMinutes()
}

/** A change of the clocks moves an opening by an hour or so: within a week and a day every schedule that changes has changed. */
const lookAheadMinutes = minutesPerWeek + 24 * 60

/** The next instant at which the schedule opens or closes, by the minute; undefined where it never does. */
export function nextChange(week: OpenWeek, nowMs: number, clock: WeekClock): number | undefined {
  const isOpen = week[clock(nowMs)]
  const startMs = Math.floor(nowMs / minute) * minute
  for (let step = 1; step <= lookAheadMinutes; step++) {
    const atMs = startMs + step * minute
    if (week[clock(atMs)] !== isOpen) return atMs
  }
  return undefined
}

export interface ScheduleKeeperOptions {
  /** The setting as it stands: none is always. */
  spans: () => readonly string[]
  /** At each change, and whenever the owner has said something. */
  onChange: (isPaused: boolean) => void
  now: () => number
  clock: WeekClock
}

export class ScheduleKeeper {
  readonly #options: ScheduleKeeperOptions
  #week: OpenWeek | undefined
  #nextMs: number | undefined
  #isPaused = false
  #override: { isPaused: boolean } | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: ScheduleKeeperOptions) {
    this.#options = options
    this.#read()
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** When the schedule opens or closes next; undefined without one, or where it never does. */
  get nextChangeAtMs(): number | undefined {
    return this.#nextMs
  }

  /** What the owner said by hand, which holds until the next change. */
  get override(): 'paused' | 'running' | undefined {
    return this.#override && (this.#override.isPaused ? 'paused' : 'running')
  }

  get isOpen(): boolean {
    return this.#week === undefined || this.#week[this.#options.clock(this.#options.now())] === 1
  }

  /** Why it is paused, in one sentence. */
  get reason(): string {
    const next = this.#nextMs === undefined ? undefined : weekMinuteName(this.#options.clock(this.#nextMs))
    if (this.#override !== undefined)
      return next === undefined ? 'its owner paused it' : `its owner paused it; its schedule decides again on ${next}`
    return next === undefined ? 'its schedule has no hours' : `outside its schedule; goes on ${next}`
  }

  start(): void {
    this.#check()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** By hand: until the schedule changes next, and for good where there is none. */
  setPaused(isPaused: boolean): void {
    // Without a schedule nothing is there to go before.
    this.#override = isPaused || this.#week !== undefined ? { isPaused } : undefined
    this.#isPaused = isPaused
    this.#options.onChange(isPaused)
  }

  /** The setting is another one, and is kept to; but a node that its owner has paused stays so until its next change. */
  changed(): void {
    this.#read()
    if (this.#override?.isPaused === false) this.#override = undefined
    this.#check()
  }

  #read(): void {
    const { spans, now, clock } = this.#options
    this.#week = spans().length === 0 ? undefined : openWeekOf(spans())
    this.#nextMs = this.#week && nextChange(this.#week, now(), clock)
  }

  /** At least once a minute: a machine that slept, or whose clock was set, is seen soon after. */
  #check(): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    const { now, clock } = this.#options
    if (this.#week !== undefined) {
      if (this.#nextMs !== undefined && now() >= this.#nextMs) this.#override = undefined
      this.#nextMs = nextChange(this.#week, now(), clock)
      const waitMs = Math.max(0, (this.#nextMs ?? Number.POSITIVE_INFINITY) - now())
      this.#timer = setTimeout(() => this.#check(), Math.min(waitMs + 1, minute))
      this.#timer.unref()
    }
    this.#apply()
  }

  #apply(): void {
    const isPaused = this.#override?.isPaused ?? !this.isOpen
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    this.#options.onChange(isPaused)
  }
}
