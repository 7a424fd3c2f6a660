/** Texts with `{{path}}` in them. There is no code, no escape and no second pass: what was put in is never read again. */
import { HartonomousError } from '../errors.ts'
import { parsePath, type ValuePath } from './value-path.ts'

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
