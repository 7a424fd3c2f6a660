import { formatHart } from '#protocol/hart.ts'

/** Six significant digits at most: a fee is an estimate. Ether has the decimals of HART. */
export function formatEther(wei: bigint): string {
  const text = formatHart(wei)
  const [whole, fraction = ''] = text.split('.')
  if (whole !== '0') return `${whole}.${fraction.slice(0, 2)}`.replace(/\.$/, '')
  const zeros = /^0*/.exec(fraction)![0].length
  return fraction === '' ? '0' : `0.${fraction.slice(0, zeros + 3)}`
}
