import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { isHartonomousError } from '#protocol/errors.ts'
import { client } from '../app/client.ts'
import { Age } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { Field } from '../components/field.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { StateBadge } from '../components/state-mark.tsx'
import { EventLine } from './event-line.tsx'

interface CheckNodeProps {
  /** As the address has it. */
  peerId: string | undefined
  onCheck: (peerId: string | undefined) => void
}

/** For the owner of a node: is it seen, and if not, why. */
export function CheckNode({ peerId, onCheck }: CheckNodeProps) {
  const [text, setText] = useState(peerId ?? '')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onCheck(text.trim() === '' ? undefined : text.trim())
  }
  return (
    <Panel title="Check my node">
      <form onSubmit={submit} className="flex items-end gap-2">
        <Field
          label="Its peer id"
          className="min-w-0 flex-1"
          value={text}
          placeholder="12D3KooW…"
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setText(event.target.value)}
          hint="hart status prints it"
        />
        <Button type="submit" className="mb-6.5">
          Check
        </Button>
      </form>
      <div role="status">{peerId !== undefined && <Found peerId={peerId} />}</div>
    </Panel>
  )
}

function Found({ peerId }: { peerId: string }) {
  const node = useQuery({
    queryKey: ['node', peerId],
    queryFn: ({ signal }) => client.call('getNode', { params: { peerId } }, { signal }),
  })
  const history = useQuery({
    queryKey: ['node-events', peerId],
    queryFn: ({ signal }) => client.call('listNetworkEvents', { query: { peerId, limit: 5 } }, { signal }),
  })
  const isUnknown = isHartonomousError(node.error, 'ERR_NOT_FOUND')
  if (node.isPending || history.isPending) return <Skeleton className="mt-2 h-16 w-full" />
  if (node.error !== null && !isUnknown) return <ErrorNotice error={node.error} onRetry={() => void node.refetch()} />
  const events = history.data?.events ?? []
  return (
    <div className="mt-2 grid gap-1">
      {node.data !== undefined && !isUnknown ? (
        <>
          <p className="flex flex-wrap items-center gap-2">
            <StateBadge state={node.data.state} /> {node.data.reason}
          </p>
          <p className="text-muted">
            {node.data.isDataReachable
              ? 'Others can reach its data port. '
              : 'Its data port cannot be reached from outside: others must wait for it to call. '}
            {node.data.models.length === 0
              ? 'It holds no model, so nobody asks it for anything: hart pull NAME'
              : `It holds ${node.data.models.length === 1 ? 'one model' : `${node.data.models.length} models`}.`}
          </p>
          <Link to="/nodes/$peerId" params={{ peerId: node.data.peerId }} className="underline">
            all that is known of it
          </Link>
        </>
      ) : (
        <>
          <p className="font-medium">This coordinator does not see it.</p>
          <p className="text-muted">
            {events[0] === undefined
              ? 'It has had no lease of it since it started. Is the node running (hart status), and does it know a peer of this network (hart peers)?'
              : 'It was here; its lease ran out, and no new one came. Is it still running (hart status)?'}
          </p>
        </>
      )}
      <ol className="divide-y divide-line">
        {events.map((event) => (
          <EventLine key={event.seq} event={event} isNodeKnown />
        ))}
      </ol>
      {events[0] !== undefined && (
        <p className="text-[13px] text-muted">
          last heard of <Age atMs={events[0].atMs} />
        </p>
      )}
    </div>
  )
}
