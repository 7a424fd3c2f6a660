/** Keys as other programs hand them out: sixty-four hexadecimal digits, the words of BIP-39, a keystore; and our own line. */
import { HartonomousError } from '#protocol/errors.ts'
import { parseHotKey } from './hot-key.ts'
import { decryptKeystore } from './keystore.ts'
import { type Account, accountOf } from './private-key.ts'

/** Of BIP-44: the first account, as most programs count. */
const derivationPathDefault = "m/44'/60'/0'/0/0"

export interface KeyTextOptions {
  /** Names the text in errors, which repeat nothing of it. */
  source: string
  /** Which key of a mnemonic. */
  derivationPath?: string
  /** Asked for where the text is a keystore. */
  passphrase(): Promise<Uint8Array>
}

/** @throws {ERR_KEY} */
export async function readKeyText(text: string, options: KeyTextOptions): Promise<Account> {
  const trimmed = text.trim()
  if (trimmed.startsWith('{')) return decryptKeystore(trimmed, await options.passphrase(), options.source)
  if (trimmed.startsWith('hartonomous/payment/')) return parseHotKey(trimmed, options.source)
  const digits = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(trimmed)?.[1]
  if (digits !== undefined) {
    const account = accountOf(Buffer.from(digits, 'hex'))
    if (account !== undefined) return account
    throw unreadable(options.source, 'these digits are no private key')
  }
  const words = trimmed.split(/\s+/)
  if (words.length >= 12 && words.every((word) => /^[a-z]+$/i.test(word))) return readMnemonic(words, options)
  throw unreadable(options.source, 'it is neither 64 hexadecimal digits, nor 12 to 24 words, nor a keystore')
}

async function readMnemonic(words: string[], options: KeyTextOptions): Promise<Account> {
  const { HDNodeWallet, Mnemonic } = await import('ethers')
  const phrase = words.join(' ').toLowerCase()
  // What ethers throws may repeat the words: it goes no further.
  if (!Mnemonic.isValidMnemonic(phrase))
    throw unreadable(options.source, 'these words are no mnemonic of BIP-39: one is mistyped or missing')
  const path = options.derivationPath ?? derivationPathDefault
  let key: string
  try {
    key = HDNodeWallet.fromPhrase(phrase, '', path).privateKey
  } catch {
    throw new HartonomousError('ERR_USAGE', {
      message: `not a derivation path: ${path.slice(0, 80)}; write it like ${derivationPathDefault}`,
    })
  }
  return accountOf(Buffer.from(key.slice(2), 'hex'))!
}

function unreadable(source: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_KEY', { key: source, reason })
}
