import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { StatusView } from '#protocol/api/control.ts'
import { formatBytes, formatDuration, formatRate, second } from '#protocol/units.ts'
import { useNow } from '../app/clock.ts'
import { Age, useIsStale } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Stat } from '../components/stat.tsx'
import { Tip } from '../components/tip.tsx'
import { formatDateTime } from '../lib/format.ts'
import { client, statusQuery } from './node-data.ts'
import { StateWord } from './state-word.tsx'

/** The state in one word, why, since when, what would help, and the three things that the owner can do about it. */
export function Headline({ status, readAtMs }: { status: StatusView; readAtMs: number }) {
  const isStale = useIsStale(readAtMs)
  const nowMs = useNow()
  const { state, reason, help, sinceMs } = status
  return (
    <section aria-label="State" className="rounded-lg border border-line bg-panel">
      <div className="flex flex-wrap items-start justify-between gap-3 p-3">
        <div className={`min-w-0 flex-1 basis-80 ${isStale ? 'text-stale' : ''}`} aria-live="polite">
          <p className="flex flex-wrap items-baseline gap-x-3">
            <StateWord state={state} />
            <span className="text-[13px] text-muted">
              <time dateTime={new Date(sinceMs).toISOString()} title={`since ${formatDateTime(sinceMs)}`}>
                for {formatDuration(Math.floor(Math.max(0, nowMs - sinceMs) / second) * second)}
              </time>
            </span>
          </p>
          <p className="mt-1 break-words first-letter:uppercase">{reason}</p>
          {help !== undefined && (
            <p className="mt-1 break-words">
              <span className="font-medium">Would help: </span>
              {help}
            </p>
          )}
        </div>
        <Wishes status={status} />
      </div>
      <dl className="grid grid-cols-2 border-t border-line md:grid-cols-5">
        <Stat
          label="Sending"
          value={formatRate(status.upload.bytesPerSecond)}
          detail={`to ${status.upload.peers.length} peers, ${formatBytes(status.upload.totalBytes)} since its start`}
          how="Bytes of chunks that left for peers, measured over the last seconds by the part that sends them."
          full={`${status.upload.bytesPerSecond} B/s`}
          isStale={isStale}
        />
        <Stat
          label="Fetching"
          value={formatRate(status.transfers.reduce((sum, one) => sum + one.bytesPerSecond, 0))}
          detail={`${status.transfers.length} transfer${status.transfers.length === 1 ? '' : 's'}`}
          how="Verified bytes of all transfers, measured over the last seconds."
          isStale={isStale}
        />
        <Stat
          label="Holding"
          value={formatBytes(status.heldBytes)}
          detail={pledgeWords(status)}
          how="Chunks that were verified and written, of your own files and of what was fetched. Only the latter count against what you offer."
          full={`${status.heldBytes} bytes`}
          isStale={isStale}
        />
        <Stat
          label="Peers"
          value={status.peersConnected}
          detail={`${status.leasesLive} with a live lease`}
          how="Open connections now. A lease is a peer's signed word of what it holds, a minute old at most."
          isStale={isStale}
        />
        <Stat
          label="Running for"
          value={formatDuration(status.uptimeMs)}
          detail={<Age atMs={readAtMs} prefix="read " />}
          how="Since the process started. All figures here were read from this node at the time below."
          isStale={isStale}
        />
      </dl>
    </section>
  )
}

function pledgeWords({ pledge }: StatusView): string {
  if (pledge.diskBytes === 0) return 'no disk offered'
  return `${formatBytes(pledge.usedBytes)} of ${formatBytes(pledge.diskBytes)} offered`
}

const wishes = {
  pause: { name: 'Pause', what: 'Takes no new work; what runs goes on.' },
  resume: { name: 'Resume', what: 'Takes work again.' },
  drain: { name: 'Drain', what: 'Finishes what runs, takes nothing new, and stays so until you resume it.' },
} as const
type Wish = keyof typeof wishes

function Wishes({ status }: { status: StatusView }) {
  const queries = useQueryClient()
  const mutation = useMutation({
    mutationFn: (wish: Wish) => client.call(wish),
    // Read back: what the page shows is what the node answered.
    onSuccess: (answer) => queries.setQueryData(statusQuery.queryKey, answer),
  })
  const isOff = status.state === 'paused' || status.state === 'draining'
  const offered: Wish[] = isOff ? ['resume'] : ['pause', 'drain']
  if (status.state === 'paused') offered.push('drain')
  const schedule = status.schedule
  return (
    <div className="grid justify-items-end gap-2">
      <div className="flex flex-wrap items-center gap-2">
        {offered.map((wish) => (
          <Button
            key={wish}
            tone={wish === 'resume' ? 'primary' : 'plain'}
            // A drain answers when it is done; until then resuming must stay possible.
            isBusy={mutation.isPending && mutation.variables === wish && wish !== 'drain'}
            onClick={() => mutation.mutate(wish)}
            title={wishes[wish].what}
          >
            {wishes[wish].name}
          </Button>
        ))}
        <Tip
          label="What pause and drain do"
          text="Pause takes no new fetches, uploads or answers, and lets what runs go on. Drain also waits until all of that has ended. Neither stops the program: hart down does."
        />
      </div>
      {schedule?.nextChangeAtMs !== undefined && (
        <p className="text-right text-[13px] text-muted">
          {schedule.override === undefined
            ? `by its schedule ${schedule.isOpen ? 'open' : 'closed'} until `
            : `${schedule.override} by hand; its schedule decides again `}
          {formatDateTime(schedule.nextChangeAtMs)}
        </p>
      )}
      {mutation.isError && <ErrorNotice error={mutation.error} />}
    </div>
  )
}
