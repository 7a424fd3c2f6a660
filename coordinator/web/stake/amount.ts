/** What a person wrote into a field for HART. Exact: no figure passes through a floating-point number. */
import { isHartonomousError } from '#protocol/errors.ts'
import { formatHart, parseHart } from '#protocol/hart.ts'

export interface Amount {
  wei?: bigint
  problem?: string
}

export interface AmountLimits {
  /** What there is. */
  mostWei: bigint
  /** Says of what there is no more, such as `this account has`. */
  mostOf: string
  leastWei: bigint
  /** Says who takes no less. */
  leastOf: string
}

/** An empty field is neither right nor wrong. */
export function readAmount(text: string, { mostWei, mostOf, leastWei, leastOf }: AmountLimits): Amount {
  if (text.trim() === '') return {}
  let wei: bigint
  try {
    wei = parseHart(text)
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_USAGE')) throw error
    return { problem: 'Write it like 12.5, with at most 18 decimals.' }
  }
  if (wei === 0n) return { problem: 'More than zero.' }
  if (wei > mostWei) return { problem: `${mostOf} ${formatHart(mostWei)} HART.` }
  if (wei < leastWei) return { problem: `${leastOf} ${formatHart(leastWei)} HART.` }
  return { wei }
}
