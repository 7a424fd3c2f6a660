/** One span for a whole fetch, from its first source to its end: chunks are too many for spans of their own. */
import type { Transfer } from '../swarm/index.ts'
import type { Tracer } from '../telemetry/index.ts'

export function traceTransfer(tracer: Tracer, transfer: Transfer): void {
  if (!tracer.isOn) return
  const span = tracer.start(`fetch ${transfer.modelId}`, { attributes: { 'hartonomous.model.id': transfer.modelId } })
  const end = (error?: unknown) => {
    const { wantedBytes, heldBytes, chunksVerified, chunksRejected, duplicateBytes, sources } = transfer.progress ?? {}
    span.set({
      'hartonomous.fetch.wanted_bytes': wantedBytes,
      'hartonomous.fetch.held_bytes': heldBytes,
      'hartonomous.fetch.duplicate_bytes': duplicateBytes,
      'hartonomous.fetch.chunks_verified': chunksVerified,
      'hartonomous.fetch.chunks_rejected': chunksRejected,
      'hartonomous.fetch.sources': sources?.length,
    })
    span.end(error)
  }
  transfer.finished.then(
    () => end(),
    (error: unknown) => end(error ?? 'ERR_IO'),
  )
}
