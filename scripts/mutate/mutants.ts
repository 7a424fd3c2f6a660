/** One small change to a source file. */
export interface Mutant {
  /** Which rule made it. */
  operator: string
  line: number
  before: string
  after: string
  /** The whole file with the change. */
  source: string
}

interface Operator {
  name: string
  /** Matched on code without comments and strings; `replace` gets the match. */
  pattern: RegExp
  replace: (match: string) => string
}

function swap(name: string, pattern: RegExp, pairs: Record<string, string>): Operator {
  return { name, pattern, replace: (match) => match.replace(match.trim(), pairs[match.trim()] ?? match) }
}

const OPERATORS: readonly Operator[] = [
  swap('compare', / (<=|>=|<|>) /g, { '<': '<=', '<=': '<', '>': '>=', '>=': '>' }),
  swap('equal', / (==|!=) /g, { '==': '!=', '!=': '==' }),
  swap('add', / (\+|-|\+=|-=) /g, { '+': '-', '-': '+', '+=': '-=', '-=': '+=' }),
  swap('multiply', / (\*|\/) /g, { '*': '/', '/': '*' }),
  swap('logic', / (&&|\|\|) /g, { '&&': '||', '||': '&&' }),
  swap('step', /(\+\+|--)(?=_|record|dispute|seated|count|pool)/g, { '++': '--', '--': '++' }),
  swap('truth', /\b(true|false)\b/g, { true: 'false', false: 'true' }),
  swap('least', /\bMath\.(min|max)\b/g, { 'Math.min': 'Math.max', 'Math.max': 'Math.min' }),
  { name: 'negation', pattern: /!(?=[a-zA-Z_])/g, replace: () => '' },
  { name: 'rounding', pattern: /, Math\.Rounding\.Ceil/g, replace: () => '' },
  { name: 'modifier', pattern: / onlyDisputes(?= )/g, replace: () => '' },
  { name: 'revert', pattern: /^ *if \(.*\) revert .*;$/g, replace: () => '' },
  { name: 'event', pattern: /^ *emit .*;$/g, replace: () => '' },
  {
    name: 'statement',
    pattern: /^ +(?!return|revert|emit|using|delete _)[a-zA-Z_.[\]()]+ (=|\+=|-=) .*;$/g,
    replace: () => '',
  },
  { name: 'call', pattern: /^ +(token|staking|rewards)\.[a-zA-Z]+\(.*\);$/g, replace: () => '' },
  { name: 'delete', pattern: /^ +delete .*;$/g, replace: () => '' },
  { name: 'duration', pattern: /\b\d+(?= (days|hours)\b)/g, replace: (match) => String(Number(match) + 1) },
  { name: 'number', pattern: /(?<=constant [A-Z_0-9]+ = )\d[\d_]*/g, replace: (match) => `${match}1` },
]

/** Code of a line with comments and the insides of strings blanked, so that positions stay. */
function codeOf(line: string): string {
  const blanked = line.replace(/"[^"]*"/g, (text) => '"'.padEnd(text.length - 1, ' ').concat('"'))
  const comment = blanked.indexOf('//')
  return comment === -1 ? blanked : blanked.slice(0, comment).trimEnd()
}

/** All mutants of one Solidity file. */
export function mutantsOf(source: string): Mutant[] {
  const lines = source.split('\n')
  const mutants: Mutant[] = []
  lines.forEach((line, index) => {
    const code = codeOf(line)
    if (/^\s*(import|pragma|event|error|interface|\/\*|\*)/.test(code) || code.trim() === '') return
    for (const { name, pattern, replace } of OPERATORS) {
      for (const match of code.matchAll(pattern)) {
        const end = match.index + match[0].length
        const after = line.slice(0, match.index) + replace(match[0]) + line.slice(end)
        if (after === line) continue
        const changed = [...lines.slice(0, index), after, ...lines.slice(index + 1)].join('\n')
        mutants.push({ operator: name, line: index + 1, before: line.trim(), after: after.trim(), source: changed })
      }
    }
  })
  return mutants
}

/** The same order for the same seed: Fisher-Yates with a linear congruential generator (Numerical Recipes). */
export function shuffled<T>(list: readonly T[], seed: number): T[] {
  const result = [...list]
  let state = seed >>> 0
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const j = Math.floor((state / 2 ** 32) * (i + 1))
    const kept = result[i]!
    result[i] = result[j]!
    result[j] = kept
  }
  return result
}
