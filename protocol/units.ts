/** Units by name, and their readable forms. Numbers carry their unit in their name: `sizeBytes`, `timeoutMs`. */
import { HartonomousError } from './errors.ts'

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB
export const TiB = 1024 * GiB

export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1536` -> `1.5 KiB`. Three significant digits from one KiB on. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < binaryUnits.length - 1) {
    value /= 1024
    unit++
  }
  if (unit === 0) return `${Math.round(value)} B`
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${binaryUnits[unit]}`
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** `83000` -> `1m 23s`; below ten seconds with one decimal. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  // Rounded before it is split, so that no part can become 60.
  const seconds = Math.round(ms / second)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`
  const minutes = Math.round(ms / minute)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${minutes % 60}m`
  const hours = Math.round(ms / hour)
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}

const byteMultipliers: Record<string, number> = {
  '': 1,
  b: 1,
  k: KiB,
  kib: KiB,
  kb: 1000,
  m: MiB,
  mib: MiB,
  mb: 1e6,
  g: GiB,
  gib: GiB,
  gb: 1e9,
  t: TiB,
  tib: TiB,
  tb: 1e12,
}

/**
 * `50GiB`, `1.5 MB`, `4096` -> bytes. `KiB` and `K` are 1024, `KB` is 1000.
 * @throws {ERR_USAGE}
 */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const multiplier = match ? byteMultipliers[match[2]!.toLowerCase()] : undefined
  if (!match || multiplier === undefined) {
    throw new HartonomousError('ERR_USAGE', {
      message: `not a size: ${JSON.stringify(text.slice(0, 40))}; write it like 50GiB or 800MiB`,
    })
  }
  const bytes = Math.round(Number(match[1]) * multiplier)
  if (!Number.isSafeInteger(bytes))
    throw new HartonomousError('ERR_USAGE', { message: `size too large: ${text.slice(0, 40)}` })
  return bytes
}
