/** Series of a coordinator, in Prometheus' text. Those of its node stand before them; the dashboard knows both. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { FinalJobState, JobPhase } from '#protocol/api/jobs.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import type { Constitution } from '../constitution/index.ts'
import type { Phases } from '../jobs/index.ts'
import type { Coordinator } from './coordinator.ts'

const name = (suffix: string) => `hartonomous_coordinator_${suffix}`
/** A first token takes 0.1 to 10 s, a fetch up to hours. */
const secondsBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600, 3600]

export class CoordinatorSeries {
  readonly #registry = new Registry()
  readonly #ended: Counter<'state'>
  readonly #phases: Histogram<'phase'>
  readonly #decisions: Counter<'effect'>

  constructor() {
    const registers = [this.#registry]
    this.#ended = new Counter({
      name: name('jobs_ended_total'),
      help: 'Jobs that ended since the start, by state.',
      labelNames: ['state'],
      registers,
    })
    this.#phases = new Histogram({
      name: name('phase_duration_seconds'),
      help: 'How long jobs were in each phase.',
      labelNames: ['phase'],
      buckets: secondsBuckets,
      registers,
    })
    this.#decisions = new Counter({
      name: name('decisions_total'),
      help: 'Decisions of the constitution, by effect.',
      labelNames: ['effect'],
      registers,
    })
  }

  ended(state: FinalJobState, phases: Phases): void {
    this.#ended.inc({ state })
    for (const { phase, sinceMs, endedAtMs = sinceMs } of phases) this.#observe(phase, endedAtMs - sinceMs)
  }

  /** The same, counted. */
  counted(constitution: Constitution): Constitution {
    const enforce: Constitution['enforce'] = async (request, set) => {
      try {
        const decision = await constitution.enforce(request, set)
        this.#decisions.inc({ effect: 'permit' })
        return decision
      } catch (error) {
        if (isHartonomousError(error, 'ERR_FORBIDDEN')) this.#decisions.inc({ effect: 'forbid' })
        throw error
      }
    }
    return { ...constitution, enforce }
  }

  /** What has gathered, and how things stand now. */
  async text({ registry, dispatcher, slots, latencies }: Coordinator): Promise<string> {
    const now = new Registry()
    const gauge = (suffix: string, help: string, labelNames: string[] = []) =>
      new Gauge({ name: name(suffix), help, labelNames, registers: [now] })
    const nodes = gauge('nodes', 'Nodes that the coordinator sees, by state.', ['state'])
    for (const node of registry.snapshot().nodes) nodes.inc({ state: node.state })
    const jobs = gauge('jobs', 'Jobs in work, by state.', ['state'])
    for (const state of dispatcher.statesInWork()) jobs.inc({ state })
    gauge('queue_depth', 'Jobs in work that wait for a slot on a node.').set(slots.waiting)
    const p95Ms = latencies.p95Ms()
    if (p95Ms !== undefined) gauge('first_token_p95_seconds', 'Of the last answers, from all nodes.').set(p95Ms / 1000)
    return `${await this.#registry.metrics()}\n${await now.metrics()}`
  }

  #observe(phase: JobPhase, durationMs: number): void {
    this.#phases.observe({ phase }, durationMs / 1000)
  }
}
