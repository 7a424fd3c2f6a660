/** Settings as their form has them: text with units, checked before it is sent. The node checks all of it again. */
import type { SettingView } from '#protocol/api/settings.ts'
import { parseHart } from '#protocol/hart.ts'
import { GiB, KiB, MiB, parseBytes, TiB } from '#protocol/units.ts'

const units = [
  ['TiB', TiB],
  ['GiB', GiB],
  ['MiB', MiB],
  ['KiB', KiB],
] as const

/** Exact, in the largest unit that divides it: `5MiB`, `1536KiB`, `1001`. */
export function bytesText(bytes: number): string {
  if (bytes === 0) return '0'
  for (const [name, size] of units) if (bytes % size === 0) return `${bytes / size}${name}`
  return String(bytes)
}

export function textOf({ kind, value }: Pick<SettingView, 'kind' | 'value'>): string {
  if ((kind === 'size' || kind === 'rate') && typeof value === 'number') return bytesText(value)
  return String(value)
}

/** What the node would refuse, in its words; undefined where it would not. */
export function problemOf(key: string, kind: SettingView['kind'], text: string): string | undefined {
  if (kind === 'size' || kind === 'rate') return tell(() => parseBytes(text.replace(/\/s$/, '')))
  if (kind === 'integer') return /^\d+$/.test(text) ? rangeProblem(key, Number(text)) : 'a whole number is needed'
  if (key.startsWith('payment.')) return tell(() => parseHart(text))
  if (key === 'region' && text !== '' && !/^[A-Z]{2}$/.test(text)) return 'two capital letters such as DE, or empty'
  return undefined
}

function rangeProblem(key: string, value: number): string | undefined {
  return key === 'inference.slots' && (value < 1 || value > 64) ? '1 to 64' : undefined
}

function tell(read: () => unknown): string | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
