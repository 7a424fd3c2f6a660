import { Signature } from 'ethers'
import type { Address } from '#protocol/ids.ts'
import { chainSeconds } from './clock.ts'
import { ask, type ContractCall, contractCall } from './contract-call.ts'
import type { Chain, ChainSigner } from './types.ts'

/** An allowance that is signed instead of sent: arguments of `depositWithPermit` and `stakeWithPermit`. */
export type Permit = [deadline: bigint, v: number, r: string, s: string]

const permitTypes = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
}
/** Long enough for a block that is late, too short to be kept. */
const permitSeconds = 20 * 60

/** HART: who holds how much. */
export class TokenClient {
  readonly #chain: Chain

  constructor(chain: Chain) {
    this.#chain = chain
  }

  async balanceOf(holder: Address): Promise<bigint> {
    return (await ask(this.#chain, 'Token', 'balanceOf', holder))[0]
  }

  /** What `spender` may still take from `holder`. */
  async allowance(holder: Address, spender: Address): Promise<bigint> {
    return (await ask(this.#chain, 'Token', 'allowance', holder, spender))[0]
  }

  /** `mintedWei` counts what was burned since; `existingWei` does not. */
  async supply(): Promise<{ existingWei: bigint; mintedWei: bigint; maxWei: bigint }> {
    const read = async (method: string): Promise<bigint> => (await ask(this.#chain, 'Token', method))[0]
    const [existingWei, mintedWei, maxWei] = await Promise.all(['totalSupply', 'minted', 'MAX_SUPPLY'].map(read))
    return { existingWei: existingWei!, mintedWei: mintedWei!, maxWei: maxWei! }
  }

  transfer(to: Address, amountWei: bigint): ContractCall {
    return contractCall({ chain: this.#chain, contract: 'Token', method: 'transfer', args: [to, amountWei] })
  }

  /** Exactly this amount: nothing of ours ever asks for more. */
  approve(spender: Address, amountWei: bigint): ContractCall {
    return contractCall({ chain: this.#chain, contract: 'Token', method: 'approve', args: [spender, amountWei] })
  }

  /** By the clock of the chain, which a test may have moved. */
  async permit(signer: ChainSigner, spender: Address, amountWei: bigint): Promise<Permit> {
    const owner = await signer.getAddress()
    const [nonce] = await ask(this.#chain, 'Token', 'nonces', owner)
    const deadline = BigInt((await chainSeconds(this.#chain)) + permitSeconds)
    const { chainId, addresses } = this.#chain
    const domain = { name: 'Hartonomous', version: '1', chainId, verifyingContract: addresses.Token }
    const message = { owner, spender, value: amountWei, nonce, deadline }
    const { v, r, s } = Signature.from(await signer.signTypedData(domain, permitTypes, message))
    return [deadline, v, r, s]
  }
}
