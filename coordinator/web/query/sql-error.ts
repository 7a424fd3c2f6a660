/** Where in a statement an error is: the engine names the word that it stumbled over. */

export interface ErrorPlace {
  /** Counted from 1, as editors do. */
  line: number
  column: number
  /** In the text, counted from 0; `to` is behind it. */
  from: number
  to: number
}

/** Undefined where the word is there more than once, or not at all: a guess would mislead. */
export function errorPlace(sql: string, message: string): ErrorPlace | undefined {
  const word = /near "([^"]+)"/.exec(message)?.[1] ?? /no such (?:column|table|function): (\S+)/.exec(message)?.[1]
  if (word === undefined) return undefined
  const isWord = /^\w+$/.test(word)
  const escaped = word.replace(/[^\w]/g, '\\$&')
  const found = [...sql.matchAll(new RegExp(isWord ? `\\b${escaped}\\b` : escaped, 'gi'))]
  if (found.length !== 1) return undefined
  const from = found[0]!.index
  const before = sql.slice(0, from).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1, from, to: from + word.length }
}
