/** `chain.json`: which contracts on which chain are meant. Made at deployment, and passed on to whoever shall use them. */
import { randomBytes } from 'node:crypto'
import { readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { CONTRACT_NAMES } from '#contracts/abi/deployment.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { parseAddress } from '#protocol/ids.ts'
import type { AddressBook } from './types.ts'

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'not an address')
  .transform(parseAddress)
const codeHash = z.string().regex(/^0x[0-9a-f]{64}$/, 'not a hash')
const ofEach = <T extends z.ZodType>(value: T) => z.strictObject(fromNames(() => value))

const addressBook = z.strictObject({
  chainId: z.int().positive(),
  deployedAtBlock: z.int().nonnegative(),
  addresses: ofEach(address),
  codeHashes: ofEach(codeHash),
})

/** A value for each contract, by its name. */
export function fromNames<T>(make: (name: (typeof CONTRACT_NAMES)[number]) => T) {
  return Object.fromEntries(CONTRACT_NAMES.map((name) => [name, make(name)])) as Record<
    (typeof CONTRACT_NAMES)[number],
    T
  >
}

/** @param source Names the text in the error. @throws {ERR_CONFIG} */
export function parseAddressBook(text: string, source = 'address book'): AddressBook {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new HartonomousError('ERR_CONFIG', { key: source, reason: 'it is not JSON' }, { cause: error })
  }
  const parsed = addressBook.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const reason = `${issue!.path.join('.') || 'the whole'}: ${issue!.message}`
  throw new HartonomousError('ERR_CONFIG', { key: source, reason })
}

/** Undefined where there is none. @throws {ERR_CONFIG} {ERR_IO} */
export async function readAddressBook(path: string): Promise<AddressBook | undefined> {
  try {
    return parseAddressBook(await readFile(path, 'utf8'), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (error instanceof HartonomousError) throw error
    throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
  }
}

/** Whole or not at all, in the place of the one before. @throws {ERR_IO} */
export async function writeAddressBook(path: string, book: AddressBook): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(temporary, `${JSON.stringify(book, null, 2)}\n`, { flush: true })
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
  }
}
