/** The phases of a job, each with its own time: what waits for a node is not what waits for its first token. */
import type { JobPhase, JobTerms, JobView } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { hour, minute } from '#protocol/units.ts'

export const phaseTimeoutsMs: Readonly<Record<JobPhase, number>> = {
  queued: hour,
  fetching: 6 * hour,
  loading: 5 * minute,
  running: hour,
  returning: minute,
}

export type Phases = JobView['phases']

/** Where the time of a phase runs out, `signal` aborts with ERR_TIMEOUT. */
export class PhaseClock {
  readonly phases: Phases
  readonly #timeoutsMs: NonNullable<JobTerms['timeoutsMs']>
  readonly #now: () => number
  readonly #expired = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(phases: Phases, timeoutsMs: JobTerms['timeoutsMs'], now: () => number) {
    this.phases = phases
    this.#timeoutsMs = timeoutsMs ?? {}
    this.#now = now
  }

  get signal(): AbortSignal {
    return this.#expired.signal
  }

  get phase(): JobPhase {
    return this.phases.at(-1)?.phase ?? 'queued'
  }

  /** False where the job is in that phase already: then its time runs on. */
  enter(phase: JobPhase): boolean {
    const nowMs = this.#now()
    const last = this.phases.at(-1)
    const isNew = last?.phase !== phase || last.endedAtMs !== undefined
    if (isNew) {
      if (last !== undefined) last.endedAtMs ??= nowMs
      this.phases.push({ phase, sinceMs: nowMs })
    }
    this.#arm(phase, this.phases.at(-1)!.sinceMs)
    return isNew
  }

  count(done: number, total: number): void {
    const last = this.phases.at(-1)
    if (last !== undefined) Object.assign(last, { done, total })
  }

  end(): void {
    clearTimeout(this.#timer)
    const last = this.phases.at(-1)
    if (last !== undefined) last.endedAtMs ??= this.#now()
  }

  /** For work that has times of its own: a person who is asked may take days. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  #arm(phase: JobPhase, sinceMs: number): void {
    clearTimeout(this.#timer)
    const timeoutMs = this.#timeoutsMs[phase] ?? phaseTimeoutsMs[phase]
    const leftMs = Math.max(0, sinceMs + timeoutMs - this.#now())
    const expire = () =>
      this.#expired.abort(new HartonomousError('ERR_TIMEOUT', { what: `the phase "${phase}"`, timeoutMs }))
    this.#timer = setTimeout(expire, leftMs)
    this.#timer.unref()
  }
}
