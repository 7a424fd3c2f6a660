/** What a wallet or a contract refused, in words for a person, and what to do about it. */
import { formatHart } from '#protocol/hart.ts'
import type { ChainFailure } from '../lib/chain.ts'
import { formatDateTime } from '../lib/format.ts'

export interface Told {
  text: string
  remedy: string
  /** The contract's own name for it. */
  code?: string
}

const hart = (wei: string | undefined) => `${formatHart(BigInt(wei ?? '0'))} HART`

/** Errors of Staking and Token that a stake, an unbonding or a withdrawal can meet. */
const reverts: Readonly<Record<string, (values: Record<string, string>) => Omit<Told, 'code'>>> = {
  ERC20InsufficientBalance: ({ balance, needed }) => ({
    text: `This account has ${hart(balance)} free, and ${hart(needed)} are needed.`,
    remedy: 'Lower the amount: Max takes all that is free.',
  }),
  ERC20InsufficientAllowance: () => ({
    text: 'The permit was not accepted: it was signed for another account or amount, or it is too old.',
    remedy: 'Begin again and sign within twenty minutes, with the account that stakes.',
  }),
  RatioExceeded: ({ room }) => ({
    text: `This node can take ${hart(room)} more: delegation is limited by its own bond.`,
    remedy: 'Lower the amount, or choose another node.',
  }),
  BelowMinStake: ({ assets }) => ({
    text: `${hart(assets)} are less than the least delegation.`,
    remedy: 'Raise the amount.',
  }),
  BelowMinBond: ({ bond }) => ({
    text: `The bond would be ${hart(bond)}, which is less than the least bond.`,
    remedy: 'Leave at least the least bond, or take all of it out.',
  }),
  NotRegistered: () => ({ text: 'Nobody is registered as a node at this address.', remedy: 'Choose another node.' }),
  Insufficient: ({ available }) => ({
    text: `${hart(available)} are at stake there, and not more.`,
    remedy: 'Lower the amount, or take all.',
  }),
  StillUnbonding: ({ releaseAt }) => ({
    text: `This is locked until ${formatDateTime(Number(releaseAt) * 1000)}.`,
    remedy: 'Withdraw it then; until then it stays on this list.',
  }),
  NodeFrozen: ({ frozen }) => ({
    text: `The node is in ${frozen === '1' ? 'a dispute' : `${frozen} disputes`}: nothing leaves it before they end.`,
    remedy: 'Withdraw it afterwards. What a jury takes from the node is taken from this, too.',
  }),
  NoSuchUnbonding: () => ({
    text: 'It was withdrawn already.',
    remedy: 'Look at the free balance: it should be there.',
  }),
  ZeroAmount: () => ({ text: 'The amount is zero.', remedy: 'Enter an amount.' }),
}

export function tellFailure(failure: ChainFailure): Told {
  switch (failure.kind) {
    case 'reverted': {
      const known = reverts[failure.error]
      if (known !== undefined) return { ...known(failure.values), code: failure.error }
      const text = 'The contract refused it, and nothing has changed.'
      return { text, remedy: 'Tell the operator of this coordinator the name of the refusal.', code: failure.error }
    }
    case 'rejected':
      return { text: 'You rejected it in the wallet. Nothing has changed.', remedy: 'What you entered is still there.' }
    case 'busy':
      return { text: 'The wallet has a question open already.', remedy: 'Open the wallet, answer it, and try again.' }
    case 'unauthorized':
      return {
        text: 'The wallet does not let this page use the account.',
        remedy: 'Connect the wallet again, and choose the account there.',
      }
    case 'unsupported':
      return { text: 'The wallet cannot do this.', remedy: 'Another way is used where there is one.' }
    case 'unknown-chain':
      return { text: 'The wallet does not know this network.', remedy: 'Add it to the wallet first.' }
    case 'gas':
      return {
        text: 'The account has too little of the coin that this chain takes for gas.',
        remedy: 'Send it some, or use an account that has it.',
      }
    case 'other':
      return {
        text: `The wallet or its network answered: ${failure.message}`,
        remedy: 'Look whether the wallet reaches its network, and try again.',
      }
  }
}
