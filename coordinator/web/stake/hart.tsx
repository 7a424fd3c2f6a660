import { formatHart, weiPerHart } from '#protocol/hart.ts'

const whole = new Intl.NumberFormat('en')
/** Decimals that are shown; the rest stands in the title. */
const decimalsShown = 4
const unitWei = weiPerHart / 10n ** BigInt(decimalsShown)

/** `1,234.5678`, cut off, never rounded up: nobody may read more than there is. */
export function shortHart(wei: bigint): string {
  if (wei > 0n && wei < unitWei) return `< ${formatHart(unitWei)}`
  return exactHart((wei / unitWei) * unitWei)
}

/** `1,234.000000000000000001`: all digits. */
export function exactHart(wei: bigint): string {
  const [integer, fraction] = formatHart(wei).split('.')
  return `${whole.format(BigInt(integer!))}${fraction === undefined ? '' : `.${fraction}`}`
}

/** An amount, short; exact on hover. */
export function Hart({ wei, unit = true }: { wei: string | bigint; unit?: boolean }) {
  const exact = BigInt(wei)
  return (
    <span title={`${formatHart(exact)} HART`} className="whitespace-nowrap">
      {shortHart(exact)}
      {unit && <span className="text-muted"> HART</span>}
    </span>
  )
}
