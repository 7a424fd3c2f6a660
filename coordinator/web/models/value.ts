/** A weight with three significant digits: `-0.0312`, `1.2e-7`. */
export function formatValue(value: number | null | undefined): string {
  if (value === null || value === undefined) return 'not finite'
  if (value === 0) return '0'
  const size = Math.abs(value)
  const text = size < 1e-4 || size >= 1e6 ? value.toExponential(2) : value.toPrecision(3)
  return text.replace('-', '−')
}
