import { BrowserProvider, Contract, ContractFactory, type ContractRunner, getCreateAddress, type Signer } from 'ethers'
import { createHardhatRuntimeEnvironment } from 'hardhat/hre'
import config from '../hardhat.config.ts'

const hre = await createHardhatRuntimeEnvironment(config)

export const CONTRACT_NAMES = ['Token', 'Models', 'Escrow', 'Staking'] as const
export type ContractName = (typeof CONTRACT_NAMES)[number]

export interface TestChain {
  provider: BrowserProvider
  /** Deployed everything; holds the genesis supply, and stands for the contracts that mint and slash. */
  deployer: Signer
  contracts: Record<ContractName, Contract>
  /** Moves the clock and mines. */
  wait(seconds: number): Promise<void>
  close(): Promise<void>
}

export async function artifactOf(name: ContractName) {
  return await hre.artifacts.readArtifact(name)
}

/** A chain in this process, and the contracts on it, each at the address that was predicted from the nonce. */
export async function startChain(): Promise<TestChain> {
  const connection = await hre.network.create()
  const provider = new BrowserProvider(connection.provider, undefined, { cacheTimeout: -1 })
  const deployer = await provider.getSigner(0)
  const from = await deployer.getAddress()
  const nonce = await deployer.getNonce()
  const predicted = Object.fromEntries(
    CONTRACT_NAMES.map((name, index) => [name, getCreateAddress({ from, nonce: nonce + index })]),
  ) as Record<ContractName, string>
  const args: Record<ContractName, unknown[]> = {
    Token: [from, from],
    Models: [],
    Escrow: [predicted.Token, predicted.Models],
    Staking: [predicted.Token, from],
  }
  const contracts = {} as Record<ContractName, Contract>
  for (const name of CONTRACT_NAMES) {
    const { abi, bytecode } = await artifactOf(name)
    const deployed = await new ContractFactory(abi, bytecode, deployer).deploy(...args[name])
    await deployed.waitForDeployment()
    const address = await deployed.getAddress()
    if (address !== predicted[name]) throw new Error(`${name} is at ${address}, predicted ${predicted[name]}`)
    contracts[name] = new Contract(address, abi, deployer)
  }
  return {
    provider,
    deployer,
    contracts,
    wait: async (seconds) => {
      await provider.send('evm_increaseTime', [seconds])
      await provider.send('evm_mine', [])
    },
    close: async () => {
      provider.destroy()
      await connection.close()
    },
  }
}

/** The same contract, called by someone else. */
export function as(contract: Contract, runner: ContractRunner): Contract {
  return contract.connect(runner) as Contract
}

/** Calls, waits for the receipt and returns the gas used. Throws what the contract reverts with. */
export async function gasOf(contract: Contract, method: string, ...args: unknown[]): Promise<number> {
  const sent = await contract.getFunction(method)(...args)
  const receipt = await sent.wait()
  return Number(receipt.gasUsed)
}
