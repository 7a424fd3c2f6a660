/**
 * The hot key of a node: it signs receipts and vouchers without anybody being there, and therefore has no passphrase and
 * holds no funds. What it can lose is the allowance that its payer gave it, or the bond by contradictory receipts.
 *
 * `payment.key` is one line of text, `hartonomous/payment/1 <address> <private key>`, both in hexadecimal: any 32 bytes
 * are a key, and the address is what tells a damaged one from another.
 */
import { join } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import { type Account, accountOf, createAccount } from './private-key.ts'
import { readSecretFile, writeSecretFile } from './secret-file.ts'

const label = 'hartonomous/payment/1'

export function hotKeyPath(dataDir: string): string {
  return join(dataDir, 'payment.key')
}

/** The line that `importHotKey` takes. */
export function exportHotKey({ address, privateKey }: Account): string {
  return `${label} ${address} ${Buffer.from(privateKey).toString('hex')}`
}

/** @throws {ERR_KEY} when the text is no hot key, or damaged. `source` names it in the error, which repeats nothing of it. */
export function parseHotKey(text: string, source = 'hot key'): Account {
  const match = /^(\S+) (0x[0-9a-f]{40}) ([0-9a-f]{64})\s*$/.exec(text)
  if (match?.[1] !== label) throw damaged(source, `it is not one line that starts with "${label}"`)
  const account = accountOf(Buffer.from(match[3]!, 'hex'))
  if (account === undefined || account.address !== match[2])
    throw damaged(source, 'the address does not belong to the key')
  return account
}

/** `undefined` where there is none. @throws {ERR_KEY} when the file is damaged or others may read it @throws {ERR_IO} */
export async function loadHotKey(dataDir: string): Promise<Account | undefined> {
  const path = hotKeyPath(dataDir)
  const content = await readSecretFile(path)
  if (content === undefined) return undefined
  try {
    return parseHotKey(content.toString('latin1'), path)
  } finally {
    content.fill(0)
  }
}

/** Made silently at the first start; two that start at once in one folder end up with one key. @throws {ERR_KEY} {ERR_IO} */
export async function loadOrCreateHotKey(dataDir: string): Promise<Account> {
  const existing = await loadHotKey(dataDir)
  if (existing !== undefined) return existing
  const created = createAccount()
  if (await writeSecretFile(hotKeyPath(dataDir), `${exportHotKey(created)}\n`, { replace: false })) return created
  const other = await loadHotKey(dataDir)
  if (other === undefined) throw damaged(hotKeyPath(dataDir), 'it came and went')
  return other
}

/** Refuses to replace a key unless told to: vouchers and receipts of the old one could not be signed any more. @throws {ERR_KEY} {ERR_IO} */
export async function importHotKey(dataDir: string, account: Account, options: { replace: boolean }): Promise<void> {
  const path = hotKeyPath(dataDir)
  if (!(await writeSecretFile(path, `${exportHotKey(account)}\n`, options)))
    throw new HartonomousError('ERR_KEY', { key: path, reason: 'there is a key already' })
}

function damaged(source: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_KEY', { key: source, reason: `damaged: ${reason}` })
}
