/** The text of a query as fields and words: what the filters read from it and write into it. */

/** In the order in which filters write them. */
export const queryFields = [
  'model',
  'kind',
  'layer',
  'expert',
  'dtype',
  'shape',
  'size',
  'licence',
  'meta',
  'name',
  'holders',
  'like',
] as const
export type QueryField = (typeof queryFields)[number]

/** As the engine cuts it: `field:value`, `field:"with spaces"`, words. */
const partPattern = /[a-z]+:"[^"]*"|"[^"]*"|\S+/g

/** Undefined where the field is not there; of one that is there twice, both, with a comma between. */
export function readField(text: string, field: QueryField): string | undefined {
  const values = (text.match(partPattern) ?? []).flatMap((part) =>
    part.startsWith(`${field}:`) ? [part.slice(field.length + 1).replace(/^"(.*)"$/s, '$1')] : [],
  )
  return values.length === 0 ? undefined : values.join(',')
}

/** Where the field stands already, or behind the fields before it; all else stays as it was written. Undefined takes it out. */
export function withField(text: string, field: QueryField, value: string | undefined): string {
  const parts: string[] = text.match(partPattern) ?? []
  const isField = (part: string) => part.startsWith(`${field}:`)
  const first = parts.findIndex(isField)
  const others = parts.filter((part) => !isField(part))
  if (value === undefined || value === '') return others.join(' ')
  const written = `${field}:${/[\s"]/.test(value) ? `"${value.replaceAll('"', '')}"` : value}`
  const before = queryFields.slice(0, queryFields.indexOf(field))
  const last = others.findLastIndex((part) => before.some((name) => part.startsWith(`${name}:`)))
  others.splice(first >= 0 ? first : last + 1, 0, written)
  return others.join(' ')
}

/** One entry of a list of values put in, or taken out: `kind:ffn,expert`. */
export function withEntry(text: string, field: QueryField, entry: string): string {
  const entries = entriesOf(text, field)
  const next = entries.includes(entry) ? entries.filter((each) => each !== entry) : [...entries, entry]
  return withField(text, field, next.join(','))
}

export function entriesOf(text: string, field: QueryField): string[] {
  return (
    readField(text, field)
      ?.split(',')
      .filter((entry) => entry !== '') ?? []
  )
}
