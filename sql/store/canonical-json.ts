/**
 * JSON as the store writes it: keys sorted, so that equal values are equal texts in every engine.
 *
 * What JSON cannot say becomes text: bigints as decimal digits; NaN and the infinities (a model file's metadata may have
 * them) by name. Properties that are `undefined` are left out.
 */
import { HartonomousError } from '#protocol/errors.ts'

/** Nesting of a stored value; GGUF arrays nest 4 deep. Bounds the recursion. */
const depthMax = 32

/** @throws {ERR_USAGE} for what is no plain data: functions, symbols, bytes, maps, cycles. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(plain(value, 0)) ?? 'null'
}

export function parseJson<T>(text: string): T {
  return JSON.parse(text) as T
}

function plain(value: unknown, depth: number): unknown {
  if (depth > depthMax) throw refusal('it is nested too deeply')
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return value.toString()
    case 'object':
      break
    default:
      throw refusal(`a ${typeof value} is no data`)
  }
  if (value === null) return null
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw refusal(`a ${value.constructor.name} is no plain object`)
  // Own properties of an object without a prototype: `__proto__` as a key is data like any other.
  const result: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value).sort()) result[key] = plain((value as Record<string, unknown>)[key], depth + 1)
  return result
}

function refusal(reason: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: `not storable as JSON: ${reason}` })
}
