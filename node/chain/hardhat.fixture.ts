/** A chain inside the process of a test. Hardhat compiles nothing here: the contracts come as they are committed. */
import { BrowserProvider } from 'ethers'
import { createHardhatRuntimeEnvironment } from 'hardhat/hre'
import { deployContracts } from './deploy.ts'
import type { AddressBook, Chain, ChainConnection, ChainSigner } from './types.ts'

export interface HardhatChain extends ChainConnection {
  /** Accounts with ether. */
  signer(index: number): Promise<ChainSigner>
  /** A request as it is. */
  request(method: string, params?: unknown[]): Promise<unknown>
  /** Moves the clock and mines. */
  wait(seconds: number): Promise<void>
}

export async function startHardhat(): Promise<HardhatChain> {
  const hre = await createHardhatRuntimeEnvironment({})
  const connection = await hre.network.create()
  const provider = new BrowserProvider(connection.provider, undefined, { cacheTimeout: -1 })
  provider.pollingInterval = 20
  const request = async (method: string, params: unknown[] = []) =>
    await connection.provider.request({ method, params })
  return {
    chainId: Number((await provider.getNetwork()).chainId),
    provider,
    request,
    signer: (index) => provider.getSigner(index),
    wait: async (seconds) => {
      await request('evm_increaseTime', [seconds])
      await request('evm_mine')
    },
    close: async () => {
      provider.destroy()
      await connection.close()
    },
  }
}

/** With the contracts on it; account 0 holds the genesis supply. */
export async function startDeployedHardhat(): Promise<{ hardhat: HardhatChain; chain: Chain; book: AddressBook }> {
  const hardhat = await startHardhat()
  const { chain, book } = await deployContracts(hardhat, await hardhat.signer(0))
  return { hardhat, chain, book }
}
