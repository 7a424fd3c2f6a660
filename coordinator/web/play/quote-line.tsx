import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { QuoteView, SubmitRequest } from '#protocol/api/jobs.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { formatDuration } from '#protocol/units.ts'
import { client } from '../app/client.ts'
import { Age } from '../components/age.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Table } from '../components/table.tsx'
import { Cost, shortHart } from '../jobs/cost.tsx'
import { NodeName } from '../jobs/node-name.tsx'
import { formatCount } from '../lib/format.ts'

/** After the last key: a quote for each letter helps nobody. */
const settleMs = 400
/** Prices and queues move. */
const freshMs = 10_000

/** What it would take, in one quiet line that opens. Nothing is reserved. */
export function QuoteLine({ request }: { request: SubmitRequest }) {
  const settled = useSettled(JSON.stringify(request))
  const { data, error, dataUpdatedAt } = useQuery({
    queryKey: ['quote', settled],
    staleTime: freshMs,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => client.call('quoteJob', { body: JSON.parse(settled) as SubmitRequest }, { signal }),
  })
  if (error !== null && isHartonomousError(error, 'ERR_NO_SOURCE'))
    return (
      <p className="rounded-md bg-warn-soft px-2.5 py-1.5 text-[13px]">
        Nobody can answer now: {error.fields.reason}. Sent all the same, it waits until somebody can, for an hour at
        most.
      </p>
    )
  if (error !== null) return <ErrorNotice error={error} />
  if (data === undefined) return <p className="text-[13px] text-muted">asking what it would take …</p>
  return (
    <details className="text-[13px]">
      <summary className="text-muted">{lineOf(data)}</summary>
      <div className="mt-2 grid gap-2 rounded-md bg-raised p-2.5">
        <p>
          <span className="font-medium">{data.privacy.label}:</span> {data.privacy.meaning}.
        </p>
        <ul className="list-disc pl-4">
          {data.plan.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ul>
        <Table label="Nodes that may answer" head={['Node', 'Now', 'Per 1,000 tokens', 'First token in about']}>
          {data.nodes.map(({ peerId, reason, weiPerKiloToken, queueEtaMs }) => (
            <tr key={peerId}>
              <td>
                <NodeName peerId={peerId} />
              </td>
              <td>{reason}</td>
              <td>
                <Cost wei={weiPerKiloToken} />
              </td>
              <td>{formatDuration(queueEtaMs)}</td>
            </tr>
          ))}
        </Table>
        <p className="text-muted">
          Priced for {formatCount(data.promptTokens)} tokens of the prompt and {formatCount(data.completionTokensMax)}{' '}
          of the answer, which are upper bounds: what it really takes is charged. Nothing is reserved. Asked{' '}
          <Age atMs={dataUpdatedAt} />.
        </p>
      </div>
    </details>
  )
}

function lineOf({ nodes, priceWei: { min, max }, etaMs, privacy }: QuoteView): string {
  const who = nodes.length === 1 ? 'one node can answer' : `${nodes.length} nodes can answer`
  const price =
    max === '0'
      ? 'free'
      : min === max
        ? `at most ${shortHart(max)} HART`
        : `at most ${shortHart(min)} to ${shortHart(max)} HART`
  const when = etaMs === undefined ? '' : ` · first token in about ${formatDuration(etaMs)}`
  return `${who} · ${price}${when} · ${privacy.label}`
}

function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), settleMs)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
