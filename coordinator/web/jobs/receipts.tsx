import { useQuery } from '@tanstack/react-query'
import type { JobView } from '#protocol/api/jobs.ts'
import { useIdentity } from '../app/session.ts'
import { CopyText } from '../components/copy-text.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { formatDateTime } from '../lib/format.ts'
import { Cost } from './cost.tsx'
import { isFinal } from './job-state.tsx'
import { NodeName } from './node-name.tsx'
import { receiptsQuery } from './queries.ts'
import type { Check, ReceiptCheck, Verdict } from './receipt-check.ts'
import { TextBlock } from './text-block.tsx'

/** Receipts of a job that has ended, checked in this browser. `text` is the answer that the page shows. */
export function useReceipts(job: JobView | undefined, text: string | undefined) {
  const tenant = useIdentity()?.tenant
  const isReady = job !== undefined && isFinal(job.state) && tenant !== undefined
  const context = { tenant, ...(text === undefined ? {} : { text }) }
  return useQuery({ ...receiptsQuery(job?.jobId ?? '', context), enabled: isReady })
}

export function Receipts({ job, text }: { job: JobView; text: string | undefined }) {
  const { data, error, refetch } = useReceipts(job, text)
  if (!isFinal(job.state)) return <EmptyNotice title="Receipts come with the end of the job." />
  if (error !== null) return <ErrorNotice error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton className="h-24 w-full" />
  if (data.length === 0)
    return (
      <EmptyNotice title="No node has signed a receipt for it.">
        A node signs for work that it is paid for. The coordinator's own node is not paid, and who failed has nothing to
        sign.
      </EmptyNotice>
    )
  return (
    <ul className="grid grid-cols-[minmax(0,1fr)] gap-4">
      {data.map((each) => (
        <Receipt key={each.receipt.signature} {...each} />
      ))}
    </ul>
  )
}

const checkNames: Readonly<Record<Check['name'], string>> = {
  signature: 'Signature',
  job: 'Job',
  text: 'Text',
  node: 'Node',
}

function Receipt({ receipt, checks, isVerified }: ReceiptCheck) {
  const { peerId, attempt, atMs, promptTokens, completionTokens, dueWei } = receipt
  return (
    <li>
      <p className="flex flex-wrap items-baseline gap-x-3">
        <ReceiptVerdict isVerified={isVerified} />
        <span>
          try {attempt} by <NodeName peerId={peerId} />
        </span>
        <span>
          {promptTokens} + {completionTokens} tokens for <Cost wei={dueWei} />
        </span>
        <span className="text-muted">{formatDateTime(atMs)}</span>
      </p>
      <dl className="mt-1 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-0.5 text-[13px]">
        {checks.map(({ name, verdict, words }) => (
          <div key={name} className="contents">
            <dt className="flex items-center gap-1.5 whitespace-nowrap">
              <VerdictMark verdict={verdict} />
              {checkNames[name]}
            </dt>
            <dd className="wrap-anywhere">{words}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-1 text-[13px] text-muted">
        Signature, job and text were computed in this browser; the contracts' address came from the coordinator. Token
        counts and price are told by the coordinator: the receipt holds a hash of them.
      </p>
      <details className="mt-1 text-[13px]">
        <summary>The receipt as it was signed</summary>
        <TextBlock text={JSON.stringify(receipt.receipt, undefined, 2)} label="the receipt" />
        <CopyText text={receipt.signature} label="the signature" />
      </details>
    </li>
  )
}

export function ReceiptVerdict({ isVerified }: { isVerified: boolean }) {
  return (
    <span className={`inline-flex items-center gap-1.5 font-medium ${isVerified ? 'text-ready' : 'text-danger'}`}>
      <VerdictMark verdict={isVerified ? 'passed' : 'failed'} />
      {isVerified ? 'receipt verified' : 'receipt does not verify'}
    </span>
  )
}

const verdictLooks: Readonly<Record<Verdict, { path: string; colour: string; word: string }>> = {
  passed: { path: 'M1.5 6.5 4.8 10 10.5 2.5', colour: 'text-ready', word: 'passed' },
  failed: { path: 'M2 2l8 8M10 2l-8 8', colour: 'text-danger', word: 'failed' },
  unknown: { path: 'M2 6h8', colour: 'text-muted', word: 'not checked here' },
}

function VerdictMark({ verdict }: { verdict: Verdict }) {
  const { path, colour, word } = verdictLooks[verdict]
  return (
    <svg viewBox="0 0 12 12" role="img" aria-label={word} className={`size-3 shrink-0 ${colour}`}>
      <title>{word}</title>
      <path d={path} fill="none" stroke="currentColor" strokeWidth="2" />
    </svg>
  )
}
