import { type FormEvent, useState } from 'react'
import type { ChainStateView } from '#protocol/api/chain.ts'
import type { StakeView } from '#protocol/api/payment.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { formatDateTime } from '../lib/format.ts'
import type { Action } from './action.ts'
import { readAmount } from './amount.ts'
import { AmountField } from './amount-field.tsx'
import { formatDays } from './days.ts'
import { shortHart } from './hart.tsx'

interface UnbondDialogProps {
  chain: ChainStateView
  /** Undefined while it is closed. */
  stake: StakeView | undefined
  onReview: (action: Action) => void
  onClose: () => void
}

/** How much comes back, and when. */
export function UnbondDialog({ chain, stake, onReview, onClose }: UnbondDialogProps) {
  return (
    <Dialog title="Unbond" isOpen={stake !== undefined} onClose={onClose}>
      {stake !== undefined && <UnbondForm chain={chain} stake={stake} onReview={onReview} />}
    </Dialog>
  )
}

function UnbondForm({
  chain,
  stake,
  onReview,
}: {
  chain: ChainStateView
  stake: StakeView
  onReview: (a: Action) => void
}) {
  const [text, setText] = useState('')
  const stakedWei = BigInt(stake.wei)
  const limits = { mostWei: stakedWei, tooMuch: 'At stake there are only', leastWei: 1n, tooLittle: 'The least is' }
  const amount = readAmount(text, limits)
  const { wei } = amount
  const restWei = stakedWei - (wei ?? stakedWei)
  const minBondWei = BigInt(chain.terms.minBondWei)
  const isRestTooSmall = stake.kind === 'bond' && restWei > 0n && restWei < minBondWei
  const problem = isRestTooSmall
    ? `Of a bond at least ${shortHart(minBondWei)} HART stay, or all of it goes.`
    : amount.problem
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (wei === undefined || problem !== undefined) return
    // All that is there when it is mined, with what it earns until then.
    const amountWei = wei === stakedWei ? undefined : wei
    onReview({ kind: 'unbond', node: stake.node, amountWei, shownWei: wei })
  }
  return (
    <form onSubmit={submit} className="grid gap-4">
      <AmountField
        label="Amount in HART"
        text={text}
        onChange={setText}
        mostWei={stakedWei}
        problem={problem}
        hint={`${shortHart(stakedWei)} at stake, as ${stake.kind}`}
      />
      <p className="text-muted">
        It earns nothing from now on, and can be withdrawn after {formatDays(chain.terms.unbondingMs)}: about{' '}
        {formatDateTime(chain.nowMs + chain.terms.unbondingMs)}. Until then a slash of the node takes from it, too.
      </p>
      <Button
        type="submit"
        tone="primary"
        className="justify-self-start"
        disabled={wei === undefined || problem !== undefined}
      >
        Review
      </Button>
    </form>
  )
}
