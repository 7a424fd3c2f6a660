/** What a person can do with stake, and the steps that it takes in the wallet. */
import type { ChainCall, Simulated, TypedData } from '../lib/chain.ts'

export type Action =
  | { kind: 'stake'; node: string; amountWei: bigint }
  /** `amountWei` undefined takes all. */
  | { kind: 'unbond'; node: string; amountWei: bigint | undefined; shownWei: bigint }
  | { kind: 'withdraw'; id: string; node: string; wei: bigint }

/**
 * A step is `next` while nothing of it was asked, `checking` while the chain is asked whether it would be taken, `ready` when a
 * person may confirm it, `asking` while the wallet's window is open, `pending` until it is in a block.
 */
export type StepState = 'next' | 'checking' | 'ready' | 'asking' | 'pending' | 'done'

export interface SignStep {
  kind: 'sign'
  state: StepState
  typed: TypedData
}

export interface SendStep {
  kind: 'send'
  state: StepState
  /** Undefined until the signature that it carries is there. */
  call: ChainCall | undefined
  method: string
  simulated?: Simulated
  hash?: string
  blockNumber?: number
}

export type Step = SignStep | SendStep

export function withStep(steps: readonly Step[], at: number, change: Partial<SignStep> | Partial<SendStep>): Step[] {
  return steps.map((step, index) => (index === at ? ({ ...step, ...change } as Step) : step))
}
