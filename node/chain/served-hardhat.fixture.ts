/** A chain with our contracts, behind a port of this machine: what a process of its own, such as a command, can reach. */
import { parseHart } from '#protocol/hart.ts'
import type { Address } from '#protocol/ids.ts'
import { type HardhatChain, startDeployedHardhat } from './hardhat.fixture.ts'
import { serveRpc } from './rpc-server.fixture.ts'
import { TokenClient } from './token-client.ts'
import type { AddressBook, Chain } from './types.ts'

export interface ServedHardhat {
  hardhat: HardhatChain
  chain: Chain
  book: AddressBook
  url: string
  /** Gives HART, and ether for gas. */
  fund(address: Address, amount: string): Promise<void>
  close(): Promise<void>
}

export async function startServedHardhat(): Promise<ServedHardhat> {
  const { hardhat, chain, book } = await startDeployedHardhat()
  const server = await serveRpc(hardhat.request)
  return {
    hardhat,
    chain,
    book,
    url: server.url,
    fund: async (address, amount) => {
      await hardhat.request('hardhat_setBalance', [address, '0x56bc75e2d63100000'])
      await new TokenClient(chain).transfer(address, parseHart(amount)).send(await hardhat.signer(0))
    },
    close: async () => {
      await server.close()
      await hardhat.close()
    },
  }
}
