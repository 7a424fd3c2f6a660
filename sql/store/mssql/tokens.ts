/** T-SQL as tokens: enough to check statements and to rename their parameters, no grammar. */

export interface Token {
  kind: 'word' | 'name' | 'parameter' | 'string' | 'number' | 'comment' | 'symbol' | 'open'
  /** As written; of a `name` in brackets, with them. `open`: a string, name or comment that never ends. */
  text: string
  offset: number
}

const pattern = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*|/\*[\s\S]*?\*/)`,
    `(?<string>[Nn]?'(?:[^']|'')*')`,
    String.raw`(?<name>\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*")`,
    String.raw`(?<parameter>@@?[\w$#]+)`,
    String.raw`(?<number>0x[0-9a-fA-F]*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)`,
    String.raw`(?<word>[\p{L}_#$][\p{L}\p{N}_#$]*)`,
    String.raw`(?<open>['"\[]|/\*)`,
    String.raw`(?<symbol><>|<=|>=|!=|\+=|[^\s])`,
  ].join('|'),
  'gu',
)

/** Comments included, white space left out. */
export function tokensOf(text: string): Token[] {
  return [...text.matchAll(pattern)].map((match) => {
    const [kind] = Object.entries(match.groups!).find(([, value]) => value !== undefined)!
    return { kind: kind as Token['kind'], text: match[0], offset: match.index }
  })
}

/** Names of the parameters of a statement, without the `@`, in the order of their first use; not those it declares. */
export function parametersIn(text: string): string[] {
  const tokens = tokensOf(text).filter(({ kind }) => kind !== 'comment')
  const declared = new Set(
    tokens.filter((_, at) => tokens[at - 1]?.text.toUpperCase() === 'DECLARE').map((token) => token.text),
  )
  const used = tokens.filter(({ kind, text: name }) => kind === 'parameter' && !name.startsWith('@@'))
  return [...new Set(used.map((token) => token.text))]
    .filter((name) => !declared.has(name))
    .map((name) => name.slice(1))
}

/** The text with its parameters under other names. */
export function renameParameters(text: string, rename: (name: string) => string): string {
  let result = ''
  let at = 0
  for (const { kind, text: name, offset } of tokensOf(text)) {
    if (kind !== 'parameter' || name.startsWith('@@')) continue
    result += `${text.slice(at, offset)}@${rename(name.slice(1))}`
    at = offset + name.length
  }
  return result + text.slice(at)
}
