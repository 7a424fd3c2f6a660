import { useQuery } from '@tanstack/react-query'
import { memo } from 'react'
import { networkEventsQuery } from '../app/queries.ts'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Tip } from '../components/tip.tsx'
import { EventLine } from './event-line.tsx'

/** As many as one reads, and few enough that their links cost little; the rest is in the API. */
const shownMax = 40

/** What happened lately, as it happens. */
export const EventsPanel = memo(() => {
  const { data, error, refetch } = useQuery(networkEventsQuery)
  return (
    <Panel
      title="Events"
      aside={
        <Tip
          label="What is an event"
          text="What this coordinator noticed: who joined, left or changed state, models that appeared, and copies and parts that became rare. It forgets them when it stops."
        />
      }
    >
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton className="h-40 w-full" />}
      {data?.length === 0 && <EmptyNotice title="Nothing yet">What happens from now on is listed here.</EmptyNotice>}
      {data !== undefined && data.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
        <section aria-label="Events, newest first" tabIndex={0} className="max-h-[26rem] overflow-y-auto">
          <ol className="divide-y divide-line">
            {data.slice(0, shownMax).map((event) => (
              <EventLine key={event.seq} event={event} />
            ))}
          </ol>
        </section>
      )}
    </Panel>
  )
})
