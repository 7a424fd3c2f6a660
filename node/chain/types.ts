/** What the parts of a node that speak to a chain share. Nothing here loads ethers. */
import type { JsonRpcApiProvider, Signer } from 'ethers'
import type { ContractName } from '#contracts/abi/deployment.ts'
import type { Address } from '#protocol/ids.ts'
import type { Voucher } from '#protocol/payment/message.ts'

export type { ContractName }
export type ContractAddresses = Readonly<Record<ContractName, Address>>

/** Who pays for a transaction and signs it. */
export type ChainSigner = Signer

/** A chain that answers. Which one, and whether the contracts are on it, `openChain` finds out. */
export interface ChainConnection {
  chainId: number
  /** Where it answers; undefined for a chain inside this process. It may hold a key of a service: never print it whole. */
  rpcUrl?: string
  provider: JsonRpcApiProvider
  close(): Promise<void>
}

/** A chain with our contracts on it, each checked by its code and by whom it knows. */
export interface Chain extends ChainConnection {
  addresses: ContractAddresses
  /** Block in which the first contract was made: there are no events before it. */
  deployedAtBlock: number
}

/** Which contracts are meant: what a person passes on to others who shall use the same chain. */
export interface AddressBook {
  chainId: number
  deployedAtBlock: number
  addresses: ContractAddresses
  /** `runtimeHash` of each contract: says which version of them it is. */
  codeHashes: Readonly<Record<ContractName, string>>
}

/** A voucher with its signature, as `claim` takes it: 64 bytes, r and yParityAndS (ERC-2098). */
export interface SignedVoucher extends Voucher {
  signature: Uint8Array
}

/** What a transaction did. */
export interface Sent {
  transactionHash: string
  blockNumber: number
  gasUsed: bigint
}

/** What a transaction would do, shown before it is sent. */
export interface Simulated<T> {
  contract: ContractName
  to: Address
  method: string
  /** By the names of the contract; amounts in wei, all as text. */
  arguments: Record<string, unknown>
  /** Call data as it would be sent, `0x…`. */
  data: string
  valueWei: bigint
  gas: bigint
  /** What the contract would answer. */
  result: T
}
