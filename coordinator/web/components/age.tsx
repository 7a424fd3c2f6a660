import { formatDuration } from '#protocol/units.ts'
import { useNow } from '../app/clock.ts'
import { formatDateTime } from '../lib/format.ts'

/** From then on what is shown is greyed. */
export const staleAfterMs = 30_000

/** How long ago by this browser's clock, counted up; the moment itself on hover. Give it `atMs` of this browser, such as `dataUpdatedAt`. */
export function Age({ atMs, prefix = '' }: { atMs: number; prefix?: string }) {
  const ageMs = Math.max(0, useNow() - atMs)
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatDateTime(atMs)}>
      {prefix}
      {ageMs < 2000 ? 'just now' : `${ageMs < 10_000 ? `${Math.floor(ageMs / 1000)} s` : formatDuration(ageMs)} ago`}
    </time>
  )
}

export function useIsStale(atMs: number, afterMs = staleAfterMs): boolean {
  return useNow() - atMs > afterMs
}
