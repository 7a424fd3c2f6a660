/** Reads payees from the contracts; eight calls for a node, two for an address that is none. */
import type { Address } from '#protocol/ids.ts'
import { type Chain, loadChain } from '../chain/index.ts'
import type { PayeeSource } from './types.ts'

/** @param open May fail while the chain does not answer; it is asked again then. */
export function payeesOnChain(
  domain: { chainId: number; escrow: Address; disputes: Address },
  open: () => Promise<Chain>,
): PayeeSource {
  const { chainId, escrow, disputes } = domain
  const read: PayeeSource['read'] = async (payee) => {
    const [{ ReputationClient, StakingClient }, chain] = await Promise.all([loadChain(), open()])
    const node = await new StakingClient(chain).nodeOf(payee)
    if (node === undefined) return undefined
    const { isActive, slashableWei, earnedWei, disputes: record } = await new ReputationClient(chain).summary(payee)
    return {
      peerKey: node.peerKey,
      stakeWei: isActive ? slashableWei : 0n,
      incomeWei: earnedWei,
      disputesLost: record.guilty,
      equivocations: record.equivocations,
    }
  }
  return { chainId, escrow, disputes, read }
}
