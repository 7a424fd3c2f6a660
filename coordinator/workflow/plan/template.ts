/** Texts with `{{path}}` in them. There is no code, no escape and no second pass: what was put in is never read again. */
import { HartonomousError } from '#protocol/errors.ts'
import { jobTextBytesMax } from '#protocol/limits.ts'
import { parsePath, readPath, type ValuePath, type Values } from './value-path.ts'

/** Texts and paths in turn, as they stand. */
type Template = readonly (string | ValuePath)[]

/** `param` names the field of the graph. @throws {ERR_USAGE} */
export function parseTemplate(text: string, param?: string): Template {
  const parts: (string | ValuePath)[] = []
  let from = 0
  for (let open = text.indexOf('{{'); open >= 0; open = text.indexOf('{{', from)) {
    const close = text.indexOf('}}', open)
    const name = close < 0 ? undefined : text.slice(open + 2, close).trim()
    const path = name === undefined ? undefined : parsePath(name)
    if (path === undefined) {
      const shown = JSON.stringify(text.slice(open, close < 0 ? open + 40 : Math.min(close + 2, open + 80)))
      const message = `${param ?? 'the template'}: ${shown} is no {{path.of.names}}`
      throw new HartonomousError('ERR_USAGE', param === undefined ? { message } : { message, param })
    }
    if (open > from) parts.push(text.slice(from, open))
    parts.push(path)
    from = close + 2
  }
  if (from < text.length) parts.push(text.slice(from))
  return parts
}

/** The paths of a template, in order. @throws {ERR_USAGE} */
export function pathsOf(text: string, param?: string): ValuePath[] {
  return parseTemplate(text, param).filter((part) => typeof part !== 'string')
}

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
