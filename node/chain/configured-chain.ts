/** The chain that the settings name, with the contracts of the address book on it. */
import { HartonomousError } from '#protocol/errors.ts'
import { readAddressBook } from './address-book.ts'
import { openChain } from './open-chain.ts'
import { connectRpc } from './rpc.ts'
import type { Chain } from './types.ts'

export interface ChainSettings {
  /** `chain.rpc`; empty is no chain. */
  rpcUrl: string
  /** Path of the address book. */
  addressBook: string
}

/** @throws {ERR_CONFIG} where none is set @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG} {ERR_IO} */
export async function openConfiguredChain({ rpcUrl, addressBook }: ChainSettings): Promise<Chain> {
  if (rpcUrl === '')
    throw new HartonomousError('ERR_CONFIG', {
      key: 'chain.rpc',
      reason: 'no chain is set: hart config set chain.rpc URL',
    })
  const book = await readAddressBook(addressBook)
  if (book === undefined)
    throw new HartonomousError('ERR_CONFIG', {
      key: 'chain.addressBook',
      reason: `there is no ${addressBook}, which says where the contracts are; whoever deployed them has it`,
    })
  const connection = await connectRpc({ url: rpcUrl, chainId: book.chainId })
  try {
    return await openChain(connection, book)
  } catch (error) {
    await connection.close()
    throw error
  }
}
