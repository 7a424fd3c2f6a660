/**
 * One action from its review to the position that is read back. Nothing is signed or sent but by a press of a button; a wallet
 * that changes its account or chain before something was sent ends it, and the form keeps what was entered.
 */
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { ChainStateView } from '#protocol/api/chain.ts'
import type { BalanceView } from '#protocol/api/payment.ts'
import { client } from '../app/client.ts'
import type { ChainFailure } from '../lib/chain.ts'
import { type Action, type SendStep, type Step, withStep } from './action.ts'
import { type Told, tellFailure } from './failure.ts'
import { accountQuery } from './queries.ts'
import type { ConnectedWallet } from './wallet.ts'

const pollMs = 1000
/** A transaction that nobody knows of for so long was given up, or replaced by another. */
const unknownMs = 60_000
/** The coordinator reads the chain by a service of its own, which may be some blocks behind. */
const readBackMs = 60_000

export interface ActionState {
  action: Action
  steps: readonly Step[]
  /** Index of the step that is next or under way; all are done behind the last. */
  at: number
  problem?: Told & { isRejected: boolean }
  /** The wallet signs no typed data: an approval of exactly the amount does the same. */
  isFallback: boolean
  /** The position after it, as the coordinator answers. */
  result?: BalanceView | 'late' | undefined
}

interface Running {
  action: Action
  wallet: ConnectedWallet
  chain: ChainStateView
  signal: AbortSignal
}

const loadChain = () => import('../lib/chain.ts')

export function useAction(wallet: ConnectedWallet | undefined, chain: ChainStateView | undefined) {
  const queries = useQueryClient()
  const [state, setState] = useState<ActionState>()
  const running = useRef<{ of: Running; stop: AbortController; isSent: boolean }>(undefined)

  const change = useCallback((of: Running, to: (state: ActionState) => ActionState) => {
    if (!of.signal.aborted) setState((now) => (now === undefined ? now : to(now)))
  }, [])
  const stepTo = (of: Running, at: number, step: Partial<SendStep> | { state: Step['state'] }) =>
    change(of, (now) => ({ ...now, steps: withStep(now.steps, at, step) }))
  const fail = async (of: Running, at: number, failure: ChainFailure) => {
    const problem = { ...tellFailure(failure), isRejected: failure.kind === 'rejected' }
    change(of, (now) => ({ ...now, problem, steps: withStep(now.steps, at, { state: 'ready' }) }))
  }

  const close = useCallback(() => {
    running.current?.stop.abort()
    running.current = undefined
    setState(undefined)
  }, [])

  useEffect(() => () => running.current?.stop.abort(), [])

  // What was reviewed was for this account on this chain.
  const [account, chainId] = [wallet?.account, wallet?.chainId]
  useEffect(() => {
    const now = running.current
    if (now === undefined || now.isSent) return
    const { wallet: then } = now.of
    if (then.account === account && then.chainId === chainId) return
    now.stop.abort()
    running.current = undefined
    setState(undefined)
  }, [account, chainId])

  /** Asks the chain whether it would take the step. */
  const check = async (of: Running, at: number, call: SendStep['call']) => {
    if (call === undefined) return
    const { simulate, failureOf } = await loadChain()
    stepTo(of, at, { state: 'checking', call })
    try {
      const simulated = await simulate(of.wallet.detail.provider, of.wallet.account, call)
      if (simulated.balanceWei < simulated.feeWei) await fail(of, at, { kind: 'gas' })
      else stepTo(of, at, { state: 'ready', simulated })
    } catch (error) {
      await fail(of, at, failureOf(error))
    }
  }

  const begin = async (action: Action, isFallback = false) => {
    if (wallet === undefined || chain === undefined) return
    running.current?.stop.abort()
    const stop = new AbortController()
    const of: Running = { action, wallet, chain, signal: stop.signal }
    running.current = { of, stop, isSent: false }
    setState({ action, steps: [], at: 0, isFallback })
    const { failureOf } = await loadChain()
    try {
      const steps = await stepsOf(of, isFallback)
      change(of, (now) => ({ ...now, steps }))
      const [first] = steps
      if (first?.kind === 'send') await check(of, 0, first.call)
    } catch (error) {
      const problem = { ...tellFailure(failureOf(error)), isRejected: false }
      change(of, (now) => ({ ...now, problem }))
    }
  }

  /** What the button of the dialog does: the wallet is asked for the step that is ready. */
  const confirm = async () => {
    const now = running.current
    if (now === undefined || state === undefined) return
    const { of } = now
    const { at, steps } = state
    const step = steps[at]
    if (step === undefined) return
    const { detail, account: from } = of.wallet
    const { failureOf, send, signTypedData, stakeWithPermitCall } = await loadChain()
    change(of, ({ problem: _, ...rest }) => ({ ...rest, steps: withStep(rest.steps, at, { state: 'asking' }) }))
    try {
      if (step.kind === 'sign') {
        const signature = await signTypedData(detail.provider, from, step.typed)
        if (of.action.kind !== 'stake') return
        const call = stakeWithPermitCall(of.chain, of.action.node, step.typed, signature)
        change(of, (then) => ({ ...then, at: at + 1, steps: withStep(then.steps, at, { state: 'done' }) }))
        await check(of, at + 1, call)
        return
      }
      if (step.call === undefined) return
      if (step.simulated === undefined) return await check(of, at, step.call)
      const hash = await send(detail.provider, from, step.call, step.simulated.gas)
      now.isSent = true
      stepTo(of, at, { state: 'pending', hash })
      const blockNumber = await mined(of, at, { ...step, call: step.call, hash })
      if (blockNumber === undefined) return
      change(of, (then) => ({
        ...then,
        at: at + 1,
        steps: withStep(then.steps, at, { state: 'done', blockNumber }),
      }))
      const next = steps[at + 1]
      if (next?.kind === 'send') await check(of, at + 1, next.call)
      else await readBack(of, blockNumber)
    } catch (error) {
      const failure = failureOf(error)
      const isRefused = step.kind === 'sign' && failure.kind !== 'rejected' && failure.kind !== 'busy'
      if (isRefused && !of.signal.aborted) await begin(of.action, true)
      else await fail(of, at, failure)
    }
  }

  /** The block that it is in; undefined where it changed nothing, which is shown then. */
  const mined = async (
    of: Running,
    at: number,
    { hash, call }: { hash: string; call: NonNullable<SendStep['call']> },
  ): Promise<number | undefined> => {
    const { fateOf, whyReverted } = await loadChain()
    const { provider } = of.wallet.detail
    let knownAtMs = performance.now()
    for (; !of.signal.aborted; await new Promise((resolve) => setTimeout(resolve, pollMs))) {
      // A service that does not answer now may do so later: it was sent.
      const fate = await fateOf(provider, hash).catch(() => undefined)
      if (fate?.state === 'mined') {
        if (!fate.isReverted) return fate.blockNumber
        await fail(of, at, await whyReverted(provider, of.wallet.account, call, fate.blockNumber))
        return undefined
      }
      if (fate?.state !== 'unknown') knownAtMs = performance.now()
      if (performance.now() - knownAtMs < unknownMs) continue
      const text = 'The network does not know of this transaction any more: it was dropped, or replaced in the wallet.'
      const remedy = 'Look into the activity of the wallet. If it is not there, nothing has changed: send it again.'
      change(of, (now) => ({
        ...now,
        problem: { text, remedy, isRejected: false },
        steps: withStep(now.steps, at, { state: 'ready' }),
      }))
      return undefined
    }
    return undefined
  }

  /** The position as of the block or later, by the coordinator: what the wallet believes is not shown. */
  const readBack = async (of: Running, blockNumber: number) => {
    const { queryKey } = accountQuery(of.wallet.account)
    const giveUpAtMs = performance.now() + readBackMs
    while (!of.signal.aborted) {
      const params = { address: of.wallet.account }
      const position = await client.call('account', { params }).catch(() => undefined)
      if (position !== undefined && position.blockNumber >= blockNumber) {
        queries.setQueryData(queryKey, position)
        change(of, (now) => ({ ...now, result: position }))
        break
      }
      if (performance.now() > giveUpAtMs) {
        change(of, (now) => ({ ...now, result: 'late' }))
        break
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
    await queries.invalidateQueries({ queryKey: ['chain'] })
  }

  return { state, begin, confirm, close }
}

/** What a wallet has allowed already is used, so that an action that stopped half way ends with one transaction. */
async function stepsOf({ action, wallet, chain }: Running, isFallback: boolean): Promise<Step[]> {
  const { allowanceOf, approveCall, permitToSign, stakeCall, unbondCall, withdrawCall } = await loadChain()
  const { detail, account } = wallet
  const sending = (call: NonNullable<SendStep['call']>): SendStep => ({
    kind: 'send',
    state: 'next',
    call,
    method: call.method,
  })
  if (action.kind === 'withdraw') return [sending(withdrawCall(chain, action.id))]
  if (action.kind === 'unbond') return [sending(unbondCall(chain, action.node, action.amountWei))]
  const { node, amountWei } = action
  const stake = sending(stakeCall(chain, node, amountWei))
  if ((await allowanceOf(detail.provider, chain, account)) >= amountWei) return [stake]
  if (isFallback) return [sending(approveCall(chain, amountWei)), stake]
  const typed = await permitToSign(detail.provider, chain, account, amountWei)
  return [
    { kind: 'sign', state: 'ready', typed },
    { kind: 'send', state: 'next', call: undefined, method: 'stakeWithPermit' },
  ]
}
