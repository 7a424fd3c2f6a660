import { type FormEvent, useEffect, useId, useRef, useState } from 'react'
import type { ChainStateView, DelegateView } from '#protocol/api/chain.ts'
import { Button } from '../components/button.tsx'
import { Panel } from '../components/panel.tsx'
import { shortId } from '../lib/format.ts'
import type { Action } from './action.ts'
import { readAmount } from './amount.ts'
import { AmountField } from './amount-field.tsx'
import { formatDays } from './days.ts'
import { percentOf } from './delegates.tsx'
import { Hart, shortHart } from './hart.tsx'
import { projectionOf } from './projection.ts'

interface StakeFormProps {
  chain: ChainStateView
  delegate: DelegateView
  /** Of the wallet; undefined while none is connected or its balance is not known. */
  freeWei: bigint | undefined
  /** The wallet is that of the operator: it adds to its bond. */
  isOwnBond: boolean
  isConnected: boolean
  isRightChain: boolean
  /** It was opened by a press of a button, not by an address: it comes into view. */
  isWanted: boolean
  onConnect: () => void
  onReview: (action: Action) => void
  onClose: () => void
}

/** How much, what it would have earned, and what one gets into. */
export function StakeForm(props: StakeFormProps) {
  const { chain, delegate, freeWei, isOwnBond, isConnected, isRightChain, isWanted } = props
  const { onConnect, onReview, onClose } = props
  const [text, setText] = useState('')
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => {
    if (!isWanted) return
    form.current?.scrollIntoView({ block: 'nearest' })
    form.current?.querySelector('input')?.focus({ preventScroll: true })
  }, [isWanted])
  const room = BigInt(delegate.roomWei)
  const free = freeWei ?? 0n
  const isRoomLess = !isOwnBond && room < free
  const mostWei = isRoomLess ? room : free
  const leastWei = isOwnBond ? 1n : BigInt(chain.terms.minStakeWei)
  // Without a wallet the amount is only played with: nothing but the room bounds it.
  const limits = {
    mostWei: freeWei === undefined ? room : mostWei,
    tooMuch: isRoomLess || freeWei === undefined ? 'This node can take only' : 'Free in this account are only',
    leastWei,
    tooLittle: 'The least delegation is',
  }
  const { wei, problem } = readAmount(text, limits)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!isConnected) onConnect()
    else if (wei !== undefined) onReview({ kind: 'stake', node: delegate.address, amountWei: wei })
  }
  return (
    <Panel
      title={isOwnBond ? 'Add to your own bond' : `Delegate to ${shortId(delegate.address)}`}
      aside={
        <Button tone="quiet" onClick={onClose}>
          Close
        </Button>
      }
    >
      <form ref={form} onSubmit={submit} className="grid gap-4">
        <AmountField
          label="Amount in HART"
          text={text}
          onChange={setText}
          mostWei={limits.mostWei}
          problem={problem}
          hint={
            freeWei === undefined
              ? 'Connect a wallet to see what is free.'
              : `${shortHart(free)} free${isOwnBond ? '' : `; this node takes ${shortHart(room)} more`}`
          }
        />
        <Projection delegate={delegate} amountWei={wei} />
        <ul className="list-disc space-y-1 pl-5 text-[13px] text-muted">
          {!isOwnBond && <li>Of its delegators' rewards the node keeps {percentOf(delegate.commissionBps)}.</li>}
          <li>
            Taking it out again takes {formatDays(chain.terms.unbondingMs)}, in which it earns nothing and can be
            slashed.
          </li>
          <li>If the node is shown to cheat, its bond is slashed first, and then what is delegated to it.</li>
        </ul>
        {!delegate.isActive && (
          <p className="text-warn">The bond of this node is below the least one: it does no bonded work now.</p>
        )}
        <Button
          type="submit"
          tone="primary"
          className="justify-self-start"
          disabled={isConnected && (wei === undefined || !isRightChain)}
        >
          {isConnected ? 'Review' : 'Connect a wallet'}
        </Button>
        {isConnected && !isRightChain && (
          <p className="text-[13px] text-warn">The wallet is on another network: switch it above first.</p>
        )}
      </form>
    </Panel>
  )
}

/** History applied to the amount, and said to be history. */
function Projection({ delegate, amountWei }: { delegate: DelegateView; amountWei: bigint | undefined }) {
  const id = useId()
  const shownWei = amountWei ?? 100n * 10n ** 18n
  const projection = projectionOf(delegate, shownWei)
  return (
    <section aria-labelledby={id} className="rounded-md bg-raised px-3 py-2">
      <h3 id={id} className="font-medium">
        What {shortHart(shownWei)} HART would have earned
      </h3>
      {projection === undefined ? (
        <p className="text-muted">No epoch has ended on this chain yet: there is no history to look at.</p>
      ) : (
        <>
          <p>
            <Hart wei={projection.earnedWei} /> through the last{' '}
            {projection.epochs === 1 ? 'epoch' : `${projection.epochs} epochs`}, <Hart wei={projection.perEpochWei} />{' '}
            an epoch ({Number(projection.perEpochPpm) / 10_000}%)
          </p>
          <p className="text-[13px] text-muted">
            By what the node was paid then, its commission of that time, and the stake of now with yours added. It is
            history: what comes depends on the work that the node gets.
          </p>
        </>
      )}
    </section>
  )
}
