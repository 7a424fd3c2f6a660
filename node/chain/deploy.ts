/** The seven contracts on a chain: planned, so that it can be shown first, then made one by one. */
import { ContractFactory, getAddress, getCreateAddress } from 'ethers'
import { artifacts } from '#contracts/abi/artifacts.ts'
import { CONTRACT_NAMES, constructorArguments } from '#contracts/abi/deployment.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { fromNames } from './address-book.ts'
import { withChainFailures } from './failure.ts'
import { openChain } from './open-chain.ts'
import { receiptOf } from './receipt.ts'
import type { AddressBook, Chain, ChainConnection, ChainSigner, ContractAddresses, ContractName } from './types.ts'

/** One contract that will be made. */
export interface PlannedContract {
  name: ContractName
  address: Address
  arguments: string[]
  /** Creation code with its arguments, `0x…`. */
  data: string
  /** What making it takes at least: the transaction, its bytes, and the code that stays. What its constructor does is little. */
  gasLeast: number
}

export interface DeploymentPlan {
  chainId: number
  deployer: Address
  /** Of the first transaction; addresses follow from it, so that any other transaction of the deployer spoils the plan. */
  nonce: number
  contracts: PlannedContract[]
}

/** Asks the chain for the deployer's nonce and changes nothing. The deployer receives the genesis supply. */
export async function planDeployment(connection: ChainConnection, deployer: Address): Promise<DeploymentPlan> {
  const { chainId, rpcUrl, provider } = connection
  const nonce = await withChainFailures('the nonce of the deployer', rpcUrl, () =>
    provider.getTransactionCount(deployer, 'pending'),
  )
  const at = (name: ContractName) => nonce + CONTRACT_NAMES.indexOf(name)
  const addresses: ContractAddresses = fromNames((name) =>
    parseAddress(getCreateAddress({ from: deployer, nonce: at(name) })),
  )
  const contracts = CONTRACT_NAMES.map((name) => planContract(name, addresses, deployer))
  return { chainId, deployer, nonce, contracts }
}

function planContract(name: ContractName, addresses: ContractAddresses, deployer: Address): PlannedContract {
  const { abi, bytecode, runtimeBytes } = artifacts[name]
  const told = constructorArguments(name, addresses, deployer)
  const encoded = new ContractFactory(abi, bytecode).interface.encodeDeploy(told)
  const data = `${bytecode}${encoded.slice(2)}`
  return { name, address: addresses[name], arguments: told, data, gasLeast: gasLeastOf(data, runtimeBytes) }
}

/** 21,000 and 32,000 for a transaction that creates; 4 or 16 a byte, 2 a word of creation code (EIP-3860); 200 a byte that stays. */
function gasLeastOf(data: string, runtimeBytes: number): number {
  const bytes = Buffer.from(data.slice(2), 'hex')
  let gas = 53_000 + 2 * Math.ceil(bytes.length / 32) + 200 * runtimeBytes
  for (const byte of bytes) gas += byte === 0 ? 4 : 16
  return gas
}

export interface DeployOptions {
  /** Told after each contract. */
  onDeployed?: (contract: PlannedContract, gasUsed: bigint) => void
  signal?: AbortSignal
}

/**
 * Makes all contracts, one transaction after the other, and checks the result as any node checks it. Stopped in between,
 * what was made is of no use and does no harm.
 * @throws {ERR_CHAIN_REVERTED} {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG}
 */
export async function deployContracts(
  connection: ChainConnection,
  signer: ChainSigner,
  options: DeployOptions = {},
): Promise<{ chain: Chain; book: AddressBook; gasUsed: bigint }> {
  const deployer = parseAddress(await signer.getAddress())
  const plan = await planDeployment(connection, deployer)
  let gasUsed = 0n
  let deployedAtBlock: number | undefined
  for (const [index, contract] of plan.contracts.entries()) {
    options.signal?.throwIfAborted()
    const receipt = await withChainFailures(`the deployment of ${contract.name}`, connection.rpcUrl, async () => {
      const sent = await signer.sendTransaction({ data: contract.data, nonce: plan.nonce + index })
      return await receiptOf(sent, connection.rpcUrl)
    })
    if (receipt.contractAddress !== getAddress(contract.address)) {
      const reason = `${contract.name} is at ${receipt.contractAddress}, expected ${contract.address}`
      throw new HartonomousError('ERR_CHAIN_WRONG', { reason })
    }
    deployedAtBlock ??= receipt.blockNumber
    gasUsed += receipt.gasUsed
    options.onDeployed?.(contract, receipt.gasUsed)
  }
  const addressOf = new Map(plan.contracts.map(({ name, address }) => [name, address]))
  const book: AddressBook = {
    chainId: plan.chainId,
    deployedAtBlock: deployedAtBlock ?? 0,
    addresses: fromNames((name) => addressOf.get(name)!),
    codeHashes: fromNames((name) => artifacts[name].runtimeHash),
  }
  return { chain: await openChain(connection, book), book, gasUsed }
}
