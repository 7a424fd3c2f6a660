/** What a dispute takes on the chain, looked at before anything is sent. */
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart } from '#protocol/hart.ts'
import type { Address } from '#protocol/ids.ts'
import { chainSeconds } from '../clock.ts'
import type { ContractCall } from '../contract-call.ts'
import { withChainFailures } from '../failure.ts'
import type { Step } from '../plans.ts'
import { StakingClient } from '../staking-client.ts'
import { TokenClient } from '../token-client.ts'
import type { Chain } from '../types.ts'
import { DisputesClient } from './disputes-client.ts'
import {
  type Equivocation,
  type EvidenceContext,
  equivocationProblem,
  receiptProblem,
  type SignedReceipt,
} from './evidence.ts'

/** Nodes on the list that a dispute needs: seven seats, and both parties may be on it. */
const jurorsMin = 9

/** Slashes a node by two receipts. @throws {ERR_USAGE} where they prove nothing */
export async function planEquivocation(chain: Chain, evidence: Equivocation, source: string): Promise<Step[]> {
  const problem = await equivocationProblem(evidence, await evidenceContext(chain))
  if (problem !== undefined) throw usage(`${source} proves nothing: ${problem}`)
  return [() => new DisputesClient(chain).slashEquivocation(evidence.first, evidence.second)]
}

/** Takes a receipt to a jury. @throws {ERR_USAGE} {ERR_FUNDS} */
export async function planReceiptDispute(
  chain: Chain,
  challenger: Address,
  signed: SignedReceipt,
  source: string,
): Promise<Step[]> {
  const context = await evidenceContext(chain)
  const problem = await receiptProblem(signed, context)
  if (problem !== undefined) throw usage(`${source} binds nobody: ${problem}`)
  const client = new DisputesClient(chain)
  const { bondWei, challengeSeconds } = await client.terms()
  const lastSeconds = signed.receipt.finishedAt + challengeSeconds
  if (context.nowSeconds > lastSeconds)
    throw usage(`the work of ${source} could be disputed until ${new Date(lastSeconds * 1000).toISOString()}`)
  return await planBond(chain, challenger, bondWei, client.open(signed))
}

/** Takes a proposed root to a jury. @throws {ERR_USAGE} {ERR_FUNDS} */
export async function planRootDispute(chain: Chain, challenger: Address, id: string): Promise<Step[]> {
  if (!(await new StakingClient(chain).isActive(challenger)))
    throw usage(`${challenger} is no active node, and only such a node may dispute a root: hart stake add`)
  const client = new DisputesClient(chain)
  const { rootBondWei } = await client.terms()
  return await planBond(chain, challenger, rootBondWei, client.openRoot(id))
}

async function planBond(
  chain: Chain,
  challenger: Address,
  bondWei: bigint,
  call: ContractCall<unknown>,
): Promise<Step[]> {
  const token = new TokenClient(chain)
  const { Disputes } = chain.addresses
  const [freeWei, allowedWei, enlisted] = await Promise.all([
    token.balanceOf(challenger),
    token.allowance(challenger, Disputes),
    new DisputesClient(chain).jurorCount(),
  ])
  if (enlisted < jurorsMin) throw usage(`a jury needs ${jurorsMin} enlisted nodes, and there are ${enlisted}`)
  if (freeWei < bondWei)
    throw new HartonomousError('ERR_FUNDS', {
      address: challenger,
      needed: `${formatHart(bondWei)} HART`,
      available: `${formatHart(freeWei)} HART free`,
    })
  // Exactly the bond, whatever was allowed before.
  return allowedWei === bondWei ? [() => call] : [() => token.approve(Disputes, bondWei), () => call]
}

async function evidenceContext(chain: Chain): Promise<EvidenceContext> {
  const staking = new StakingClient(chain)
  return {
    domain: { chainId: chain.chainId, disputes: chain.addresses.Disputes },
    nowSeconds: await withChainFailures('the time of the chain', chain.rpcUrl, () => chainSeconds(chain)),
    signerValidUntil: (node, signer) => staking.signerValidUntil(node, signer),
  }
}

function usage(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message })
}
