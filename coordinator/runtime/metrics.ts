/** Series of a coordinator, in Prometheus' text. Those of its node stand before them. */
import { Gauge, Registry } from 'prom-client'
import type { Coordinator } from './coordinator.ts'

export async function renderMetrics(coordinator: Coordinator): Promise<string> {
  const registry = new Registry()
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `hartonomous_coordinator_${name}`, help, labelNames, registers: [registry] })
  const { totals, nodes } = coordinator.registry.snapshot()
  const states = gauge('nodes', 'Nodes that the coordinator sees, by state.', ['state'])
  for (const { state } of nodes) states.inc({ state })
  gauge('models', 'Models with a release.').set(totals.models)
  gauge('inference_slots_free', 'Free slots of all nodes, as their leases say.').set(totals.inferenceSlotsFree)
  gauge('jobs_in_work', 'Jobs that this coordinator works on.').set(totals.jobsRunning)
  gauge('jobs_waiting_for_slots', 'Jobs in work that wait for a node.').set(coordinator.slots.waiting)
  const ended = gauge('jobs_ended_total', 'Jobs that ended since the start, by state.', ['state'])
  for (const [state, count] of coordinator.endedByState) ended.set({ state }, count)
  const p95Ms = coordinator.latencies.p95Ms()
  if (p95Ms !== undefined) gauge('first_token_p95_seconds', 'Of the last answers, from all nodes.').set(p95Ms / 1000)
  return registry.metrics()
}
