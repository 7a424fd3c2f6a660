import {
  BrowserProvider,
  Contract,
  ContractFactory,
  type ContractRunner,
  getCreateAddress,
  JsonRpcSigner,
  type Signer,
} from 'ethers'
import { createHardhatRuntimeEnvironment } from 'hardhat/hre'
import { CONTRACT_NAMES, type ContractName, constructorArguments } from '../abi/deployment.ts'
import config from '../hardhat.config.ts'

const hre = await createHardhatRuntimeEnvironment(config)

export interface TestChain {
  provider: BrowserProvider
  /** Deployed everything, and holds the genesis supply. */
  deployer: Signer
  contracts: Record<ContractName, Contract>
  /** A request as it is, without what ethers adds. */
  request(method: string, params: unknown[]): Promise<unknown>
  /** Moves the clock and mines. */
  wait(seconds: number): Promise<void>
  /** Mines empty blocks. */
  mine(blocks: number): Promise<void>
  /** Does `work` in the name of an address without a key, such as a contract. */
  impersonate<T>(address: string, work: (signer: Signer) => Promise<T>): Promise<T>
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
  const contracts = {} as Record<ContractName, Contract>
  for (const name of CONTRACT_NAMES) {
    const { abi, bytecode } = await artifactOf(name)
    const deployed = await new ContractFactory(abi, bytecode, deployer).deploy(
      ...constructorArguments(name, predicted, from),
    )
    await deployed.waitForDeployment()
    const address = await deployed.getAddress()
    if (address !== predicted[name]) throw new Error(`${name} is at ${address}, predicted ${predicted[name]}`)
    contracts[name] = new Contract(address, abi, deployer)
  }
  return {
    provider,
    deployer,
    contracts,
    request: async (method, params) => await connection.provider.request({ method, params }),
    wait: async (seconds) => {
      await provider.send('evm_increaseTime', [seconds])
      await provider.send('evm_mine', [])
    },
    mine: async (blocks) => {
      await provider.send('hardhat_mine', [`0x${blocks.toString(16)}`])
    },
    impersonate: async (address, work) => {
      await provider.send('hardhat_impersonateAccount', [address])
      await provider.send('hardhat_setBalance', [address, '0x56bc75e2d63100000'])
      const result = await work(new JsonRpcSigner(provider, address))
      await provider.send('hardhat_stopImpersonatingAccount', [address])
      return result
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
