import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { JobView } from '#protocol/api/jobs.ts'
import { errorFromWire } from '#protocol/errors.ts'
import { formatDuration } from '#protocol/units.ts'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Cost } from '../jobs/cost.tsx'
import { shortJob } from '../jobs/job-row.tsx'
import { NodeName } from '../jobs/node-name.tsx'
import { jobQuery } from '../jobs/queries.ts'
import { ReceiptVerdict, useReceipts } from '../jobs/receipts.tsx'
import { TextBlock } from '../jobs/text-block.tsx'
import { type Answer, answerOf } from './answer.ts'
import { send, type Turn } from './conversation.ts'

/** Characters. A longer one scrolls in a box of its own, so that its answer is not out of sight. */
const longPrompt = 800

interface TurnProps {
  turn: Turn
  isShown: boolean
  /** Its route stands beside the conversation. */
  onShow: () => void
}

/** One prompt and what came of it, as plain text: a model's marks are no layout of ours. */
export function TurnView({ turn, isShown, onShow }: TurnProps) {
  const queries = useQueryClient()
  const { prompt, request, jobId, events, isOver, problem } = turn
  const { data: job } = useQuery({ ...jobQuery(jobId ?? ''), enabled: jobId !== undefined })
  const answer = answerOf(events)
  const text = turn.text ?? answer.text
  const model = request.work.kind === 'chat' ? request.work.model : ''
  return (
    <li className="grid grid-cols-[minmax(0,1fr)] gap-2 border-b border-line pb-4 last:border-0">
      <div>
        <p className="text-[13px] text-muted">You</p>
        {prompt.length > longPrompt ? (
          <TextBlock text={prompt} label="the prompt" />
        ) : (
          <p className="wrap-anywhere whitespace-pre-wrap">{prompt}</p>
        )}
      </div>
      <div aria-live="polite" aria-busy={!isOver}>
        <p className="text-[13px] text-muted">{job?.model ?? model}</p>
        {answer.voided.map((each) => (
          <Voided key={each.attempt} {...each} />
        ))}
        {text !== '' && <p className="wrap-anywhere whitespace-pre-wrap">{text}</p>}
        {!isOver && <Progress answer={answer} isAccepted={jobId !== undefined} isStopped={turn.isStopped} />}
        {isOver && job?.state === 'cancelled' && (
          <p className="text-[13px] text-muted">
            Stopped{text === '' ? ' before any text came' : '; what had come is above'}. It is not told to the model
            with later prompts.
          </p>
        )}
        {isOver && job?.error !== undefined && <ErrorNotice error={errorFromWire(job.error)} />}
      </div>
      {problem !== undefined && <ErrorNotice error={problem} onRetry={() => void send(queries, turn.turnId)} />}
      {job !== undefined && isOver && <Facts job={job} answer={answer} text={turn.text} />}
      {!isShown && (
        <Button tone="quiet" className="justify-self-start" onClick={onShow}>
          Show its route
        </Button>
      )}
    </li>
  )
}

function Progress({ answer, isAccepted, isStopped }: { answer: Answer; isAccepted: boolean; isStopped: boolean }) {
  const { state, reason, tokens, tokensPerSecond } = answer
  const where = isAccepted ? (state === undefined ? 'taken' : `${state}: ${reason}`) : 'sending'
  const speed = tokensPerSecond === undefined ? '' : `, ${tokensPerSecond.toFixed(1)} tokens/s`
  return (
    <p className="text-[13px] text-muted">
      {isStopped ? 'stopping' : where}
      {tokens > 0 && ` · ${tokens} tokens${speed}`}
    </p>
  )
}

/** Text that was shown a moment ago and is no part of the answer. */
function Voided({ attempt, text, tokens }: Answer['voided'][number]) {
  return (
    <details className="text-[13px]">
      <summary className="text-warn">
        Try {attempt} broke off after {tokens} tokens: its text is void, and another node began anew.
      </summary>
      <p className="wrap-anywhere whitespace-pre-wrap text-muted line-through">{text}</p>
    </details>
  )
}

/** What it took, once it is over. */
function Facts({ job, answer, text }: { job: JobView; answer: Answer; text: string | undefined }) {
  const { jobId, attempts, chargedWei, createdAtMs, finishedAtMs } = job
  const won = attempts.find(({ outcome }) => outcome === 'won')
  const receipts = useReceipts(job, text)
  const facts: [string, string, React.ReactNode][] = [
    [
      'tokens',
      'Of the prompt, and of the answer, as the node counted them',
      won === undefined ? undefined : `${won.promptTokens ?? 0} + ${won.completionTokens ?? 0}`,
    ],
    [
      'first token',
      'Since the coordinator took the prompt, by its clock',
      answer.firstTextAtMs === undefined ? undefined : formatDuration(answer.firstTextAtMs - createdAtMs),
    ],
    [
      'took',
      'From submission to its end',
      finishedAtMs === undefined ? undefined : formatDuration(finishedAtMs - createdAtMs),
    ],
    ['cost', 'What you were charged', chargedWei === '0' ? 'nothing' : <Cost key="cost" wei={chargedWei} />],
    ['by', 'The node whose answer this is', won === undefined ? undefined : <NodeName key="by" peerId={won.peerId} />],
    [
      'job',
      jobId,
      <Link key="job" to="/jobs/$jobId" params={{ jobId }} className="font-mono text-accent underline">
        {shortJob(jobId)}
      </Link>,
    ],
  ]
  return (
    <div className="flex flex-wrap items-baseline gap-x-4 gap-y-1 text-[13px]">
      <dl className="contents">
        {facts.map(([name, how, value]) =>
          value === undefined ? null : (
            <div key={name} className="flex items-baseline gap-1.5" title={how}>
              <dt className="text-muted">{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
      {receipts.data?.map(({ receipt, isVerified }) => (
        <ReceiptVerdict key={receipt.signature} isVerified={isVerified} />
      ))}
      {receipts.data?.length === 0 && job.state === 'succeeded' && (
        <span className="text-muted">no receipt: nobody was paid</span>
      )}
    </div>
  )
}
