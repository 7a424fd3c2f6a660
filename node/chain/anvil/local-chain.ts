/** A local chain with the contracts on it: made at the first start, found again at the next. */
import { join } from 'node:path'
import { readAddressBook, writeAddressBook } from '../address-book.ts'
import { deployContracts } from '../deploy.ts'
import { openChain } from '../open-chain.ts'
import type { AddressBook, Chain } from '../types.ts'
import { type AnvilChain, type AnvilOptions, startAnvil } from './anvil.ts'

export interface LocalChain {
  anvil: AnvilChain
  chain: Chain
  book: AddressBook
  /** For others who shall use this chain. */
  bookFile: string
  /** The contracts were made just now. */
  isNew: boolean
}

/** Account 0 of its words holds the genesis supply. @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG} {ERR_CONFIG} {ERR_IO} */
export async function startLocalChain(options: AnvilOptions): Promise<LocalChain> {
  const anvil = await startAnvil(options)
  try {
    const bookFile = join(options.folder, 'chain.json')
    const known = await readAddressBook(bookFile)
    if (known !== undefined && !(await isEmpty(anvil, known))) {
      return { anvil, chain: await openChain(anvil, known), book: known, bookFile, isNew: false }
    }
    const { chain, book } = await deployContracts(anvil, anvil.account(0))
    await writeAddressBook(bookFile, book)
    return { anvil, chain, book, bookFile, isNew: true }
  } catch (error) {
    await anvil.close()
    throw error
  }
}

/** It was killed before its first state was written: nothing that the book names is there. */
async function isEmpty(anvil: AnvilChain, book: AddressBook): Promise<boolean> {
  return (await anvil.provider.getCode(book.addresses.Token)) === '0x'
}
