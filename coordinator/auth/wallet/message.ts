/**
 * The text that a wallet signs to sign in (EIP-4361, "Sign-In with Ethereum"), taken apart by the letter of its ABNF: what
 * a person saw in the wallet and what is read here must be the same, so nothing is forgiven, trimmed or guessed.
 *
 * Narrower than the ABNF in four places, none of which a wallet writes: the domain is not empty, a statement that is there
 * is not empty, a chain id has no leading zeros, and an address is in the mixed case of EIP-55.
 */
import { checksumAddress } from '#node/chain/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'

export interface SignInMessage {
  /** Without `://`. */
  scheme?: string
  /** Host with port, as RFC 3986 writes an authority. */
  domain: string
  address: Address
  statement?: string
  uri: string
  chainId: number
  nonce: string
  issuedAtMs: number
  expiresAtMs?: number
  notBeforeMs?: number
  requestId?: string
  resources?: string[]
}

/** A statement and a few resources take < 1 KiB. */
export const signInCharactersMax = 4096

// RFC 3986, appendix A.
const unreserved = 'A-Za-z0-9._~\\-'
const subDelims = "!$&'()*+,;="
const percent = '%[0-9A-Fa-f]{2}'
const pchar = `(?:[${unreserved}${subDelims}:@]|${percent})`
const authority = `(?:(?:[${unreserved}${subDelims}:]|${percent})*@)?(?:\\[[0-9A-Fa-f:.]+\\]|(?:[${unreserved}${subDelims}]|${percent})*)(?::[0-9]*)?`
const scheme = '[A-Za-z][A-Za-z0-9+.\\-]*'
const hierarchy = `(?://${authority}(?:/${pchar}*)*|/(?:${pchar}+(?:/${pchar}*)*)?|${pchar}+(?:/${pchar}*)*)?`
const uri = `${scheme}:${hierarchy}(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?`

const headPattern = new RegExp(
  `^(?:(${scheme})://)?(?=[^ ])(${authority}) wants you to sign in with your Ethereum account:$`,
)
const statementPattern = new RegExp(`^[${unreserved}${subDelims}:/?#[\\]@ ]+$`)
const uriPattern = new RegExp(`^${uri}$`)
const requestIdPattern = new RegExp(`^${pchar}*$`)
const addressPattern = /^0x[0-9A-Fa-f]{40}$/
const chainIdPattern = /^(?:0|[1-9][0-9]{0,15})$/
const noncePattern = /^[A-Za-z0-9]{8,}$/
/** RFC 3339; year, month, day, time, offset. */
const timePattern =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?)([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** @throws {ERR_USAGE} */
export function parseSignInMessage(text: string): SignInMessage {
  if (text.length > signInCharactersMax) refuse(`longer than ${signInCharactersMax} characters`)
  const lines = new Lines(text)
  const head = headPattern.exec(lines.next())
  if (head === null) refuse('the first line names no domain')
  const address = readAddress(lines.next())
  lines.empty()
  const statement = lines.peek() === '' ? undefined : matching('statement', statementPattern, lines.next())
  lines.empty()
  const message: SignInMessage = {
    domain: head[2]!,
    address,
    uri: matching('URI', uriPattern, lines.field('URI')),
    chainId: readVersionAndChain(lines),
    nonce: matching('Nonce', noncePattern, lines.field('Nonce')),
    issuedAtMs: readTime('Issued At', lines.field('Issued At')),
  }
  if (head[1] !== undefined) message.scheme = head[1]
  if (statement !== undefined) message.statement = statement
  const expires = lines.optional('Expiration Time')
  if (expires !== undefined) message.expiresAtMs = readTime('Expiration Time', expires)
  const notBefore = lines.optional('Not Before')
  if (notBefore !== undefined) message.notBeforeMs = readTime('Not Before', notBefore)
  const requestId = lines.optional('Request ID')
  if (requestId !== undefined) message.requestId = matching('Request ID', requestIdPattern, requestId)
  if (lines.peek() === 'Resources:') message.resources = readResources(lines)
  if (lines.peek() !== undefined) refuse('something follows the message')
  return message
}

function readVersionAndChain(lines: Lines): number {
  if (lines.field('Version') !== '1') refuse('Version is not 1')
  const chainId = Number(matching('Chain ID', chainIdPattern, lines.field('Chain ID')))
  if (!Number.isSafeInteger(chainId)) refuse('Chain ID is too large')
  return chainId
}

function readAddress(text: string): Address {
  if (!addressPattern.test(text)) refuse('the second line is no address')
  const address = parseAddress(text)
  if (checksumAddress(address) !== text) refuse('the address is not in the mixed case of EIP-55')
  return address
}

function readResources(lines: Lines): string[] {
  lines.next()
  const resources: string[] = []
  for (let line = lines.peek(); line !== undefined; line = lines.peek()) {
    if (!line.startsWith('- ')) refuse('a resource does not begin with "- "')
    resources.push(matching('Resources', uriPattern, lines.next().slice(2)))
  }
  return resources
}

function readTime(field: string, text: string): number {
  const match = timePattern.exec(text)
  if (match === null) refuse(`${field} is no time of RFC 3339`)
  const [, year, month, day, time, offset] = match
  // 30 February would become 2 March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  const atMs = Date.parse(`${year}-${month}-${day}T${time}${offset!.toUpperCase()}`)
  if (Number(day) > days || !Number.isFinite(atMs)) refuse(`${field} is no day of a calendar`)
  return atMs
}

function matching(field: string, pattern: RegExp, text: string): string {
  if (!pattern.test(text)) refuse(`${field} has characters that may not stand there`)
  return text
}

/** The lines of a text, ended by LF alone. */
class Lines {
  readonly #lines: readonly string[]
  #at = 0

  constructor(text: string) {
    this.#lines = text.split('\n')
  }

  peek(): string | undefined {
    return this.#lines[this.#at]
  }

  next(): string {
    const line = this.#lines[this.#at++]
    return line ?? refuse('it ends too early')
  }

  empty(): void {
    if (this.next() !== '') refuse('an empty line is missing')
  }

  field(name: string): string {
    return this.optional(name) ?? refuse(`${name} is missing`)
  }

  optional(name: string): string | undefined {
    const prefix = `${name}: `
    return this.peek()?.startsWith(prefix) ? this.next().slice(prefix.length) : undefined
  }
}

function refuse(reason: string): never {
  throw new HartonomousError('ERR_USAGE', { message: `no message of EIP-4361: ${reason}`, param: 'message' })
}
