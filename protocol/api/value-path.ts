/** `files.0.name`: how steps name values. Own properties only: nothing of a prototype can be read. */

/** First a root (`input`, `item`, `index`, or a step), then keys of objects, places in lists, or a list's `length`. */
export type ValuePath = readonly string[]

/** What the first name of a path stands for. */
export type Values = ReadonlyMap<string, unknown>

/** `undefined` for what is no path. */
export function parsePath(text: string): ValuePath | undefined {
  const names = text.split('.')
  return names.length <= 32 && names.every((name) => /^[\w-]{1,200}$/.test(name)) ? names : undefined
}

/** `undefined` where there is nothing. */
export function readPath(path: ValuePath, values: Values): unknown {
  let value = values.get(path[0] ?? '')
  for (const name of path.slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
