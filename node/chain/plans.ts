/**
 * What a wish of a person takes on the chain: looked at first, so that nothing is asked for that is there already and a
 * plan that was stopped half way is finished by the same wish; then made into calls, of which some are signed.
 */
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart } from '#protocol/hart.ts'
import type { Address } from '#protocol/ids.ts'
import { chainSeconds } from './clock.ts'
import type { ContractCall } from './contract-call.ts'
import { EscrowClient, unlimitedWei } from './escrow-client.ts'
import { checksumAddress } from './keys/private-key.ts'
import { allStakeWei, StakingClient, type Unbonding } from './staking-client.ts'
import { TokenClient } from './token-client.ts'
import { signAuthorization } from './typed-data.ts'
import type { Chain, ChainSigner } from './types.ts'

/** One transaction. A permit is signed by whoever sends it. */
export type Step<T = unknown> = (signer: ChainSigner) => ContractCall<T> | Promise<ContractCall<T>>

export interface StakeWish {
  /** Whose bond it is, and under whose address the node is known. */
  owner: Address
  /** Public key of the node's libp2p identity. */
  peerKey: Uint8Array
  /** Signs receipts for the node. */
  hotKey: Address
  /** To be added; absent where only the rest shall be put right. */
  bondWei: bigint | undefined
  commissionBps: number | undefined
  /** The bond may be of a node with another identity, and then passes to this one. */
  takeOver: boolean
}

/** Makes the owner a node with this identity, hot key and commission, or adds to its bond. @throws {ERR_FUNDS} {ERR_USAGE} */
export async function planStake(chain: Chain, wish: StakeWish): Promise<Step[]> {
  const { owner, hotKey, peerKey, bondWei, commissionBps } = wish
  const staking = new StakingClient(chain)
  const [node, bond, { minBondWei }, validUntil] = await Promise.all([
    staking.nodeOf(owner),
    staking.bondOf(owner),
    staking.terms(),
    staking.signerValidUntil(owner, hotKey),
  ])
  const wholeWei = bond.assetsWei + (bondWei ?? 0n)
  if (bondWei !== undefined && wholeWei < minBondWei)
    throw usage(`the bond would be ${formatHart(wholeWei)} HART, and ${formatHart(minBondWei)} are the least`)
  const steps: Step[] = []
  if (node === undefined) {
    if (bondWei === undefined)
      throw usage(`${checksumAddress(owner)} is no node yet: --bond AMOUNT, at least ${formatHart(minBondWei)}`)
    await requireFree(chain, owner, bondWei)
    const { Staking } = chain.addresses
    const token = new TokenClient(chain)
    // `register` takes no permit. Exactly the bond, whatever was allowed before.
    if ((await token.allowance(owner, Staking)) !== bondWei) steps.push(() => token.approve(Staking, bondWei))
    steps.push(() => staking.register(peerKey, commissionBps ?? 0, bondWei))
  } else {
    if (!Buffer.from(node.peerKey).equals(peerKey)) {
      if (!wish.takeOver)
        throw usage(
          `the bond of ${checksumAddress(owner)} is that of a node with another identity; --take-over makes it this node's`,
        )
      steps.push(() => staking.setPeerKey(peerKey))
    }
    if (bondWei !== undefined) {
      await requireFree(chain, owner, bondWei)
      steps.push((signer) => staking.stakeWithPermit(signer, owner, bondWei))
    }
    if (commissionBps !== undefined && commissionBps !== node.commissionBps)
      steps.push(() => staking.setCommission(commissionBps))
  }
  // The node's own key always binds it.
  if (hotKey !== owner && validUntil !== Number.POSITIVE_INFINITY) steps.push(() => staking.addSigner(hotKey))
  return steps
}

/** @throws {ERR_FUNDS} {ERR_USAGE} */
export async function planDelegation(chain: Chain, holder: Address, node: Address, amountWei: bigint): Promise<Step[]> {
  const staking = new StakingClient(chain)
  if ((await staking.nodeOf(node)) === undefined) throw usage(`${checksumAddress(node)} is no node`)
  if (node === holder) throw usage('to the bond of a node of your own you add by hart stake add --bond AMOUNT')
  const { minStakeWei } = await staking.terms()
  if (amountWei < minStakeWei) throw usage(`a delegation is at least ${formatHart(minStakeWei)} HART`)
  await requireFree(chain, holder, amountWei)
  return [(signer) => staking.stakeWithPermit(signer, node, amountWei)]
}

/** `amountWei`: absent takes all. @throws {ERR_FUNDS} {ERR_USAGE} */
export async function planUnbond(
  chain: Chain,
  holder: Address,
  node: Address,
  amountWei: bigint | undefined,
): Promise<Step<Unbonding>[]> {
  const staking = new StakingClient(chain)
  const [stakedWei, { minBondWei }] = await Promise.all([staking.stakeOf(node, holder), staking.terms()])
  if (stakedWei < (amountWei ?? 1n))
    throw new HartonomousError('ERR_FUNDS', {
      address: checksumAddress(holder),
      needed: amountWei === undefined ? 'some HART' : `${formatHart(amountWei)} HART`,
      available: `${formatHart(stakedWei)} HART at stake with ${node === holder ? 'its own node' : checksumAddress(node)}`,
    })
  const restWei = stakedWei - (amountWei ?? stakedWei)
  if (node === holder && restWei > 0n && restWei < minBondWei)
    throw usage(
      `of the bond ${formatHart(restWei)} HART would stay: at least ${formatHart(minBondWei)} do, or all of it goes`,
    )
  return [() => staking.unbond(node, amountWei ?? allStakeWei)]
}

export interface FundWish {
  payer: Address
  amountWei: bigint
  /** What the hot key may spend in all from now on; absent adds the amount to what it may spend already. */
  allowanceWei: bigint | undefined
  /** Key of the node's vouchers; it consents by its own signature. */
  hotKey: { address: Address; privateKey: Uint8Array }
}

/** Seconds: long enough for a block that is late, too short to be kept. */
const consentSeconds = 20 * 60

/** Deposits for the payer, and lets the hot key spend of it. @throws {ERR_FUNDS} {ERR_USAGE} */
export async function planFund(chain: Chain, wish: FundWish): Promise<Step[]> {
  const { payer, amountWei, hotKey } = wish
  const escrow = new EscrowClient(chain)
  const steps: Step[] = []
  if (amountWei > 0n) {
    await requireFree(chain, payer, amountWei)
    steps.push((signer) => escrow.depositWithPermit(signer, payer, amountWei))
  }
  // The payer's own key needs nobody's leave.
  if (hotKey.address === payer) return steps
  const session = await escrow.signer(hotKey.address)
  if (session === undefined) {
    const allowanceWei = wish.allowanceWei ?? amountWei
    steps.push(async () => {
      const deadline = (await chainSeconds(chain)) + consentSeconds
      const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
      const proof = signAuthorization(hotKey.privateKey, domain, { payer, signer: hotKey.address, deadline })
      return escrow.authorize(hotKey.address, allowanceWei, deadline, proof)
    })
    return steps
  }
  if (session.payer !== payer)
    throw usage(`the hot key of this node signs for ${checksumAddress(session.payer)} already: --wallet names that one`)
  if (session.revokedAtSeconds !== undefined)
    throw usage('the hot key of this node was revoked, for ever: a new one is needed in the place of payment.key')
  const unchanged = session.allowanceWei === unlimitedWei
  const allowanceWei = wish.allowanceWei ?? (unchanged ? unlimitedWei : session.allowanceWei + amountWei)
  if (allowanceWei !== session.allowanceWei) steps.push(() => escrow.setAllowance(hotKey.address, allowanceWei))
  return steps
}

/**
 * Ends a hot key of the owner for ever. What it has signed stays payable for three days, unless `atOnce`, and punishable for
 * fourteen: nobody who worked for its vouchers loses by it, and nobody escapes a dispute.
 */
export async function planRevocation(
  chain: Chain,
  wish: { owner: Address; hotKey: Address; atOnce: boolean },
): Promise<Step[]> {
  const { owner, hotKey } = wish
  const [escrow, staking] = [new EscrowClient(chain), new StakingClient(chain)]
  const [session, validUntil] = await Promise.all([escrow.signer(hotKey), staking.signerValidUntil(owner, hotKey)])
  const steps: Step[] = []
  if (session?.payer === owner && session.revokedAtSeconds === undefined) {
    if (wish.atOnce && session.allowanceWei > 0n) steps.push(() => escrow.setAllowance(hotKey, 0n))
    steps.push(() => escrow.revoke(hotKey))
  }
  if (validUntil === Number.POSITIVE_INFINITY) steps.push(() => staking.removeSigner(hotKey))
  return steps
}

/** @throws {ERR_FUNDS} {ERR_USAGE} */
export async function planTransfer(chain: Chain, from: Address, to: Address, amountWei: bigint): Promise<Step[]> {
  // What is sent to a contract stays there for ever: it counts what it is given by its own calls alone.
  const contract = Object.entries(chain.addresses).find(([, address]) => address === to)?.[0]
  if (contract !== undefined || BigInt(to) === 0n)
    throw usage(
      `${checksumAddress(to)} is ${contract === undefined ? 'nobody' : `the contract ${contract}`}: nobody could take it out again`,
    )
  await requireFree(chain, from, amountWei)
  const token = new TokenClient(chain)
  return [() => token.transfer(to, amountWei)]
}

async function requireFree(chain: Chain, address: Address, neededWei: bigint): Promise<void> {
  const freeWei = await new TokenClient(chain).balanceOf(address)
  if (freeWei < neededWei)
    throw new HartonomousError('ERR_FUNDS', {
      address: checksumAddress(address),
      needed: `${formatHart(neededWei)} HART`,
      available: `${formatHart(freeWei)} HART free`,
    })
}

function usage(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message })
}
