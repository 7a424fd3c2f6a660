/** Jobs as lines for a person. */
import type { CoordinatorClient } from '#protocol/api/client.ts'
import { isFinalJobState, type JobEvent, type JobResult, type JobView } from '#protocol/api/jobs.ts'
import { shortId } from '#protocol/ids.ts'
import { formatDuration } from '#protocol/units.ts'
import { hart } from './amount.ts'
import type { CommandContext } from './command.ts'
import type { Output } from './output.ts'
import { printable } from './wrap.ts'

const colors = { succeeded: 'green', failed: 'red', cancelled: 'yellow' } as const

/** One line, or JSON. */
export function printJob(output: Output, job: JobView): void {
  if (output.json) output.value(job)
  else output.line(`${job.jobId}  ${paintState(output, job.state)}  ${job.reason}`)
}

export function paintState(output: Output, state: JobView['state']): string {
  return isFinalJobState(state) ? output.paint(colors[state], state) : state
}

/** All that is known of a job. */
export function printJobDetail(output: Output, job: JobView): void {
  const row = (name: string, text: string) => output.line(`${output.paint('dim', name.padEnd(9))} ${text}`)
  row('job', job.jobId)
  row('state', `${paintState(output, job.state)}, ${job.reason}`)
  row('work', `${job.kind}${job.model === undefined ? '' : ` by ${job.model}`}, ${job.privacy}`)
  if (job.parentJobId !== undefined) row('part of', job.parentJobId)
  row('charged', hart(job.chargedWei))
  for (const { phase, sinceMs, endedAtMs, done, total } of job.phases) {
    const took = endedAtMs === undefined ? 'now' : formatDuration(endedAtMs - sinceMs)
    row(phase, `${took}${done === undefined ? '' : `, ${done} of ${total}`}`)
  }
  for (const attempt of job.attempts) {
    const { peerId, outcome = 'at work', isHedge, error, blame } = attempt
    const why = error === undefined ? '' : `: ${error.message}${blame === undefined ? '' : ` (fault: ${blame})`}`
    row(`try ${attempt.attempt}`, `${shortId(peerId)} ${outcome}${isHedge ? ', as a hedge' : ''}${why}`)
  }
  if (job.error !== undefined) row('error', `${job.error.code}: ${job.error.message}`)
}

/** Follows a job: text to stdout, all else to stderr; with --json each event as a line. @returns the exit status */
export async function watchJob(
  { output, signal }: CommandContext,
  client: CoordinatorClient,
  jobId: string,
): Promise<number> {
  let hasText = false
  for await (const event of client.events('jobEvents', { params: { jobId } }, { signal })) {
    if (output.json) output.value(event)
    else hasText = tell(output, event) || hasText
  }
  const job = await client.call('getJob', { params: { jobId } })
  if (!output.json && hasText) output.line()
  if (!output.json && !hasText && job.state === 'succeeded')
    printResult(output, await client.call('jobResult', { params: { jobId } }))
  if (!output.json && job.state !== 'succeeded') output.note(`${job.state}: ${job.error?.message ?? job.reason}`)
  return job.state === 'succeeded' ? 0 : 1
}

/** True where it was text. */
function tell(output: Output, event: JobEvent): boolean {
  switch (event.type) {
    case 'text':
      output.clearProgress()
      output.write(output.isTerminal ? printable(event.text) : event.text)
      return true
    case 'progress':
      output.progress(`${event.phase} ${event.done} of ${event.total}`)
      return false
    case 'attempt':
      output.note(`try ${event.attempt} on ${shortId(event.peerId)}${event.isHedge ? ', as a hedge' : ''}`)
      return false
    case 'step':
      output.note(`step ${event.step} ${event.status}${event.detail === undefined ? '' : `: ${event.detail}`}`)
      return false
    case 'state':
      if (!isFinalJobState(event.state)) output.note(`${event.state}: ${event.reason}`)
      return false
  }
}

/** Text as it is, anything else as JSON. */
export function printResult(output: Output, result: JobResult): void {
  if (output.json) output.value(result)
  else if (result.kind === 'chat' || result.kind === 'completion') output.line(result.text)
  else if (result.kind === 'batch') for (const item of result.items) output.value(item)
  else output.value(result.kind === 'workflow' ? result.output : result)
}
