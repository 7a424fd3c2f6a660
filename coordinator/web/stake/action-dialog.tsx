import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { formatCount, formatDateTime, shortId } from '../lib/format.ts'
import type { Action, SendStep, SignStep, Step, StepState } from './action.ts'
import { formatEther } from './ether.ts'
import { exactHart, shortHart } from './hart.tsx'
import type { ActionState } from './use-action.ts'

interface ActionDialogProps {
  state: ActionState | undefined
  onConfirm: () => void
  onClose: () => void
}

const titles: Readonly<Record<Action['kind'], string>> = {
  stake: 'Review: delegate',
  unbond: 'Review: unbond',
  withdraw: 'Review: withdraw',
}

/** What will be signed and sent, word for word; then how far it is. */
export function ActionDialog({ state, onConfirm, onClose }: ActionDialogProps) {
  return (
    <Dialog
      title={state === undefined ? 'Review' : titles[state.action.kind]}
      isOpen={state !== undefined}
      onClose={onClose}
    >
      {state !== undefined && <ActionSteps state={state} onConfirm={onConfirm} onClose={onClose} />}
    </Dialog>
  )
}

function ActionSteps({ state, onConfirm, onClose }: ActionDialogProps & { state: ActionState }) {
  const { action, steps, at, problem, isFallback, result } = state
  const isDone = steps.length > 0 && at >= steps.length
  // What was sent cannot be taken back from here.
  const isSent = steps.some((step) => step.kind === 'send' && step.hash !== undefined)
  return (
    <div className="grid gap-4">
      <p className="text-base">{summaryOf(action)}</p>
      {isFallback && (
        <p className="rounded-md bg-warn-soft px-3 py-2 text-[13px]">
          The wallet signs no permit. Two transactions do the same: an approval of exactly this amount, and the stake.
        </p>
      )}
      {steps.length === 0 && problem === undefined && <Skeleton className="h-28 w-full" />}
      <ol className="grid gap-3">
        {steps.map((step, index) => (
          <li key={step.kind === 'sign' ? 'sign' : step.method}>
            <StepView step={step} number={index + 1} isCurrent={index === at} />
          </li>
        ))}
      </ol>
      {problem !== undefined && (
        <div
          role="alert"
          className={
            problem.isRejected
              ? 'rounded-md bg-raised px-3 py-2'
              : 'rounded-md border border-danger bg-danger-soft px-3 py-2'
          }
        >
          <p className="font-medium">{problem.text}</p>
          <p className="text-[13px]">
            {problem.code !== undefined && <code className="mr-2 font-mono">{problem.code}</code>}
            {problem.remedy}
          </p>
        </div>
      )}
      {isDone && <Outcome action={action} result={result} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{isSent ? 'Close' : 'Cancel'}</Button>
        {!isDone && steps.length > 0 && <NextButton step={steps[at]!} onConfirm={onConfirm} />}
      </div>
    </div>
  )
}

function summaryOf(action: Action): string {
  switch (action.kind) {
    case 'stake':
      return `Delegate ${exactHart(action.amountWei)} HART to ${shortId(action.node)}.`
    case 'unbond':
      return `Take ${action.amountWei === undefined ? 'all of ' : ''}${exactHart(action.shownWei)} HART out of ${shortId(action.node)}.`
    case 'withdraw':
      return `Withdraw ${exactHart(action.wei)} HART from ${shortId(action.node)}.`
  }
}

const buttons: Readonly<Record<StepState, string>> = {
  next: 'Wait',
  checking: 'Asking the chain',
  ready: 'Send',
  asking: 'Answer in the wallet',
  pending: 'Waiting for a block',
  done: 'Done',
}

function NextButton({ step, onConfirm }: { step: Step; onConfirm: () => void }) {
  const isReady = step.state === 'ready'
  const ready = step.kind === 'sign' ? 'Sign the permit' : step.simulated === undefined ? 'Check again' : 'Send'
  return (
    <Button tone="primary" isBusy={!isReady} onClick={onConfirm}>
      {isReady ? ready : buttons[step.state]}
    </Button>
  )
}

function StepView({ step, number, isCurrent }: { step: Step; number: number; isCurrent: boolean }) {
  return (
    <section
      aria-label={`step ${number}`}
      className={`rounded-md border px-3 py-2 ${isCurrent ? 'border-accent' : 'border-line'}`}
    >
      <h3 className="flex justify-between gap-3">
        <span className="font-medium">
          {number}. {step.kind === 'sign' ? 'Signature: permit' : `Transaction: ${step.method}`}
        </span>
        <span className={step.state === 'done' ? 'text-ready' : 'text-muted'}>{stateWords(step)}</span>
      </h3>
      {step.kind === 'sign' ? <PermitView step={step} /> : <CallView step={step} />}
    </section>
  )
}

function stateWords(step: Step): string {
  switch (step.state) {
    case 'done':
      return step.kind === 'send' ? `in block ${formatCount(step.blockNumber ?? 0)}` : 'signed'
    case 'pending':
      return 'sent, in no block yet'
    case 'asking':
      return 'open in the wallet'
    case 'checking':
      return 'asking the chain'
    default:
      return ''
  }
}

function PermitView({ step: { typed } }: { step: SignStep }) {
  const { owner, spender, value, nonce, deadline } = typed.message
  const rows = [
    { name: 'owner', value: owner! },
    { name: 'spender', value: `${spender!} (Staking)` },
    { name: 'value', value: `${value!} wei` },
    { name: 'nonce', value: nonce! },
    { name: 'deadline', value: `${deadline!} (${formatDateTime(Number(deadline) * 1000)})` },
  ]
  return (
    <>
      <p className="text-[13px] text-muted">
        It lets Staking take exactly this amount, once. It costs no gas, and sends nothing.
      </p>
      <Rows rows={rows} />
    </>
  )
}

function CallView({ step: { call, simulated, hash } }: { step: SendStep }) {
  return (
    <>
      {call === undefined ? (
        <p className="text-[13px] text-muted">
          It carries the signature. The chain is asked whether it would take it before anything is sent.
        </p>
      ) : (
        <Rows rows={[{ name: 'to', value: `${call.to} (${call.contract})` }, ...call.arguments]} />
      )}
      {simulated !== undefined && (
        <p className="mt-1 text-[13px]">
          <span className="text-ready">The contract would take it.</span> Gas {formatCount(Number(simulated.gas))},
          about {formatEther(simulated.feeWei)} of the chain's coin.
        </p>
      )}
      {hash !== undefined && <CopyText text={hash} shown={shortId(hash)} label="the transaction hash" />}
    </>
  )
}

function Rows({ rows }: { rows: readonly { name: string; value: string }[] }) {
  return (
    <dl className="mt-1 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 font-mono text-[12px]">
      {rows.map(({ name, value }) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="truncate" title={value}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** What the coordinator answers of the position after it. */
function Outcome({ action, result }: { action: Action; result: ActionState['result'] }) {
  if (result === undefined) return <p role="status">It is in a block. Reading the position back…</p>
  if (result === 'late')
    return (
      <p role="status">
        It is in a block. The coordinator has not seen that block yet; the position follows by itself.
      </p>
    )
  const stake = result.stakes.find(({ node }) => node === action.node.toLowerCase())
  const unlock = result.unlocks.findLast(({ unbonding }) => unbonding?.node === action.node.toLowerCase())
  return (
    <p role="status" className="rounded-md bg-good-soft px-3 py-2">
      Done, and read back as of block {formatCount(result.blockNumber)}:{' '}
      {action.kind === 'withdraw'
        ? `${shortHart(BigInt(result.freeWei))} HART are free.`
        : action.kind === 'unbond' && unlock !== undefined
          ? `${shortHart(BigInt(unlock.wei))} HART can be withdrawn on ${formatDateTime(unlock.readyAtMs)}.`
          : `${shortHart(BigInt(stake?.wei ?? '0'))} HART are at stake there.`}
    </p>
  )
}
