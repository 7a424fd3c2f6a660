/** Amounts, addresses and dates as commands take and show them. */
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart, parseHart } from '#protocol/hart.ts'
import { formatDuration } from '#protocol/units.ts'

/** @throws {ERR_USAGE} for zero, too */
export function readAmount(text: string): bigint {
  const amountWei = parseHart(text)
  if (amountWei === 0n) throw new HartonomousError('ERR_USAGE', { message: 'an amount above zero is needed' })
  return amountWei
}

export function hart(wei: string | bigint): string {
  return `${formatHart(BigInt(wei))} HART`
}

/** `2026-12-05 10:25 UTC, in 14d 0h`. */
export function dateOf(atMs: number, nowMs: number): string {
  const date = `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  return atMs <= nowMs ? `${date}, now` : `${date}, in ${formatDuration(atMs - nowMs)}`
}
