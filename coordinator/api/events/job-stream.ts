/** The events of one job to one reader, at the pace of that reader. */
import { once } from 'node:events'
import type { FastifyReply } from 'fastify'
import type { JobEvent } from '#protocol/api/jobs.ts'
import { second } from '#protocol/units.ts'
import type { TenantId } from '#sql/store/types.ts'
import { type EventReaders, write } from './readers.ts'

/** Who takes nothing for so long is cut; it comes back with its Last-Event-ID. */
const stalledMs = 30 * second

/** `open` is called once the head is sent: what fails before fails with a status. */
export async function sendJobEvents(
  readers: EventReaders,
  reply: FastifyReply,
  { tenant, jobId }: { tenant: TenantId; jobId: string },
  open: (signal: AbortSignal) => AsyncIterable<JobEvent>,
): Promise<void> {
  const gone = new AbortController()
  const raw = readers.open(reply, tenant)
  raw.once('close', () => gone.abort(new Error('the reader went away')))
  try {
    for await (const event of open(gone.signal)) {
      if (!write(raw, readers.encode(jobId, event)) && !raw.destroyed)
        await once(raw, 'drain', { signal: AbortSignal.any([gone.signal, AbortSignal.timeout(stalledMs)]) })
    }
    raw.end()
  } catch {
    // Cut, not ended: an end would say that the job has no more events.
    raw.destroy()
  }
}
