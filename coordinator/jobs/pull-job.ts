/** A model, or some of its components, into the shard of the coordinator's own node. */

import type { ControlledNode } from '#node/runtime/index.ts'
import type { NodeEvent } from '#protocol/api/control.ts'
import type { JobResult } from '#protocol/api/jobs.ts'
import type { RunningJob } from './running-job.ts'

export interface PullDependencies {
  node: Pick<ControlledNode, 'pull' | 'model'>
}

export async function pullJob(job: RunningJob, { node }: PullDependencies): Promise<JobResult> {
  const { work } = job
  if (work.kind !== 'pull') throw new TypeError(`a ${work.kind} is no pull`)
  job.detail.model = work.model
  job.enter('fetching', 'looks for nodes that hold it')
  const request = { model: work.model, ...(work.components === undefined ? {} : { components: work.components }) }
  const { modelId, name } = await node.pull(request, (event) => tell(job, event), job.signal)
  job.enter('returning', 'all of it is here')
  const { heldBytes } = await node.model(modelId)
  return { kind: 'pull', modelId, name, bytes: heldBytes }
}

function tell(job: RunningJob, event: NodeEvent): void {
  if (event.event !== 'transfer-progress') return
  const { heldChunks, wantedChunks, sources } = event
  const active = sources.filter(({ state }) => state === 'active').length
  job.enter('fetching', `takes chunks from ${active} nodes`)
  job.progress('fetching', heldChunks, wantedChunks)
}
