import { formatHart } from '#protocol/hart.ts'

/** Four digits that count are enough to compare; the whole amount is on hover. */
const digitsShown = 4

/** `0.02738 HART` of an amount in wei. */
export function Cost({ wei }: { wei: string }) {
  return (
    <span className="whitespace-nowrap" title={`${formatHart(BigInt(wei))} HART`}>
      {shortHart(wei)} HART
    </span>
  )
}

export function shortHart(wei: string): string {
  const exact = formatHart(BigInt(wei))
  const [whole = '0', fraction = ''] = exact.split('.')
  if (fraction === '') return whole
  const leading = whole === '0' ? (/^0*/.exec(fraction)?.[0].length ?? 0) : 0
  const kept = whole === '0' ? leading + digitsShown : Math.max(2, digitsShown - whole.length)
  const cut = fraction.slice(0, kept).replace(/0+$/, '')
  return cut === '' ? whole : `${whole}.${cut}`
}
