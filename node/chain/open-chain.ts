/** Makes sure that the contracts on a chain are ours before anything is asked of them. */
import { Contract } from 'ethers'
import { artifacts } from '#contracts/abi/artifacts.ts'
import { CONTRACT_NAMES, WIRING } from '#contracts/abi/deployment.ts'
import { runtimeHash } from '#contracts/abi/runtime-hash.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { shownUrl, withChainFailures } from './failure.ts'
import type { AddressBook, Chain, ChainConnection } from './types.ts'

/**
 * Compares the chain id, the code of each contract, and whom each contract knows: right code that was told of a false
 * token would pass for ours.
 * @throws {ERR_CHAIN_WRONG} {ERR_CHAIN_UNAVAILABLE}
 */
export async function openChain(connection: ChainConnection, book: AddressBook): Promise<Chain> {
  const { chainId, rpcUrl } = connection
  if (chainId !== book.chainId) throw wrong(`${shownUrl(rpcUrl)} is chain ${chainId}, expected ${book.chainId}`)
  for (const name of CONTRACT_NAMES) {
    if (book.codeHashes[name] === artifacts[name].runtimeHash) continue
    throw wrong(`the address book is of another version of ${name} than this program knows`)
  }
  await withChainFailures('the check of the contracts', rpcUrl, async () => {
    await Promise.all(CONTRACT_NAMES.map((name) => checkCode(connection, book, name)))
    await Promise.all(WIRING.map((wire) => checkWire(connection, book, wire)))
  })
  return { ...connection, addresses: book.addresses, deployedAtBlock: book.deployedAtBlock }
}

async function checkCode({ provider }: ChainConnection, book: AddressBook, name: keyof typeof artifacts) {
  const code = await provider.getCode(book.addresses[name])
  if (code === '0x') throw wrong(`there is no contract at ${book.addresses[name]}, where ${name} should be`)
  if (runtimeHash(code, artifacts[name].immutables) === book.codeHashes[name]) return
  throw wrong(`the code at ${book.addresses[name]} is not that of ${name}`)
}

async function checkWire({ provider }: ChainConnection, book: AddressBook, wire: (typeof WIRING)[number]) {
  const [owner, getter, target] = wire
  const contract = new Contract(book.addresses[owner], [`function ${getter}() view returns (address)`], provider)
  const known: string = await contract.getFunction(getter).staticCall()
  if (known.toLowerCase() === book.addresses[target]) return
  throw wrong(`${owner} at ${book.addresses[owner]} knows ${known.toLowerCase()} as its ${getter}, not ${target}`)
}

function wrong(reason: string): HartonomousError {
  return new HartonomousError('ERR_CHAIN_WRONG', { reason })
}
