/**
 * Amounts of HART as people write them. In memory an amount is wei, a bigint; on the wire and in JSON wei as a decimal
 * string. Nothing here passes through a floating-point number.
 */
import { HartonomousError } from './errors.ts'

const decimals = 18
export const weiPerHart = 10n ** BigInt(decimals)
/** `Token.MAX_SUPPLY`: more than this has never been minted, so that an amount above it is a slip of the keyboard. */
export const hartWeiMax = 21_000_000n * weiPerHart

/**
 * `12.5`, `12.5 HART` or `123wei` -> wei. No sign, no exponent, no grouping, and no digit that would be lost.
 * @throws {ERR_USAGE}
 */
export function parseHart(text: string): bigint {
  // Longer than any amount that exists, before a pattern or a bigint gets to work on it.
  const match = text.length <= 64 ? /^(?:(\d+)\s*wei|(\d+)(?:\.(\d+))?(?:\s*HART)?)$/i.exec(text.trim()) : null
  if (match === null) throw notAnAmount(text, 'write it like 12.5 (HART), or 123wei')
  const [, wei, whole = '', fraction = ''] = match
  if (fraction.length > decimals) throw notAnAmount(text, `HART has ${decimals} decimals`)
  const amountWei = wei === undefined ? BigInt(whole + fraction.padEnd(decimals, '0')) : BigInt(wei)
  if (amountWei > hartWeiMax) throw notAnAmount(text, 'there will never be more than 21000000 HART')
  return amountWei
}

/** Exact: `12.5`, `0.000000000000000001`, `-3`. What it writes `parseHart` reads, where it is an amount at all. */
export function formatHart(amountWei: bigint): string {
  const digits = (amountWei < 0n ? -amountWei : amountWei).toString().padStart(decimals + 1, '0')
  const fraction = digits.slice(-decimals).replace(/0+$/, '')
  return `${amountWei < 0n ? '-' : ''}${digits.slice(0, -decimals)}${fraction === '' ? '' : `.${fraction}`}`
}

function notAnAmount(text: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', {
    message: `not an amount: ${JSON.stringify(text.slice(0, 64))}; ${reason}`,
  })
}
