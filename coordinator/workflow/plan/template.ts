/** Fills templates in. */
import { parseTemplate } from '#protocol/api/template.ts'
import { readPath, type Values } from '#protocol/api/value-path.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { jobTextBytesMax } from '#protocol/limits.ts'

/** @throws {ERR_LIMIT} for what becomes longer than a job's text may be */
export function render(text: string, values: Values): string {
  let bytes = 0
  const parts = parseTemplate(text).map((part) => {
    const shown = typeof part === 'string' ? part : textOf(readPath(part, values))
    bytes += Buffer.byteLength(shown)
    if (bytes > jobTextBytesMax)
      throw new HartonomousError('ERR_LIMIT', {
        what: 'bytes of a filled-in text',
        limit: jobTextBytesMax,
        actual: bytes,
      })
    return shown
  })
  return parts.join('')
}

/** Every text in it is a template; one that is a lone `{{path}}` becomes that value itself, a list stays a list. */
export function renderJson(value: unknown, values: Values): unknown {
  if (typeof value === 'string') {
    const template = parseTemplate(value)
    const [only] = template
    return template.length === 1 && typeof only === 'object' ? (readPath(only, values) ?? null) : render(value, values)
  }
  if (Array.isArray(value)) return value.map((item) => renderJson(item, values))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renderJson(item, values)]))
}

/** A text as it is, nothing as nothing, all else as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}
