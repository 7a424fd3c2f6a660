/** What a person wrote into a field for HART. Exact: no figure passes through a floating-point number. */
import { isHartonomousError } from '#protocol/errors.ts'
import { formatHart, parseHart } from '#protocol/hart.ts'

export interface Amount {
  wei?: bigint
  problem?: string
}

export interface AmountLimits {
  mostWei: bigint
  /** What is said of more, without the figure: `this account has only`. */
  tooMuch: string
  leastWei: bigint
  tooLittle: string
}

/** An empty field is neither right nor wrong. */
export function readAmount(text: string, { mostWei, tooMuch, leastWei, tooLittle }: AmountLimits): Amount {
  if (text.trim() === '') return {}
  let wei: bigint
  try {
    wei = parseHart(text)
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_USAGE')) throw error
    return { problem: 'Write it like 12.5, with at most 18 decimals.' }
  }
  if (wei === 0n) return { problem: 'More than zero.' }
  if (wei > mostWei) return { problem: `${tooMuch} ${formatHart(mostWei)} HART.` }
  if (wei < leastWei) return { problem: `${tooLittle} ${formatHart(leastWei)} HART.` }
  return { wei }
}
