/** Rules that our T-SQL keeps, looked for in its tokens. No parser for npm knows the T-SQL of today. */
import { type Token, tokensOf } from './tokens.ts'

export interface LintOptions {
  /** Names of the parameters that come with the batch. Not given: those declared in it only. */
  parameters?: readonly string[]
  /** Tables (without schema) whose rows belong to a tenant. */
  tenantTables?: readonly string[]
}

type Rule = (tokens: readonly Token[], options: LintOptions) => string[]

/** Problems of one batch; none when all is well. */
export function lintBatch(text: string, options: LintOptions = {}): string[] {
  const tokens = tokensOf(text).filter(({ kind }) => kind !== 'comment')
  return rules.flatMap((rule) => rule(tokens, options))
}

const isWord = (token: Token | undefined, ...words: string[]) =>
  token?.kind === 'word' && words.includes(token.text.toUpperCase())
const isSymbol = (token: Token | undefined, text: string) => token?.kind === 'symbol' && token.text === text

const isBalanced: Rule = (tokens) => {
  const problems = tokens.filter(({ kind }) => kind === 'open').map(({ text }) => `${text} is never closed`)
  let depth = 0
  let blocks = 0
  for (const [at, token] of tokens.entries()) {
    if (isSymbol(token, '(')) depth++
    if (isSymbol(token, ')') && --depth < 0) problems.push('a ) closes nothing')
    // BEGIN TRANSACTION and its COMMIT are no block; CASE ends with END, too.
    if (isWord(token, 'CASE') || (isWord(token, 'BEGIN') && !isWord(tokens[at + 1], 'TRAN', 'TRANSACTION'))) blocks++
    if (isWord(token, 'END') && !isWord(tokens[at - 1], 'ROW') && --blocks < 0) problems.push('an END ends nothing')
  }
  if (depth > 0) problems.push('a ( is never closed')
  if (blocks > 0) problems.push('a BEGIN or CASE has no END')
  return problems
}

const parametersFit: Rule = (tokens, { parameters = [] }) => {
  const declared = new Set(parameters.map((name) => `@${name}`))
  const uses = new Map<string, number>()
  tokens.forEach((token, at) => {
    if (token.kind !== 'parameter' || token.text.startsWith('@@')) return
    const isNamedArgument = isSymbol(tokens[at + 1], '=') && isProcedureArgument(tokens, at)
    const isHeader = isModuleParameter(tokens, at)
    if (isWord(tokens[at - 1], 'DECLARE') || isHeader) declared.add(token.text)
    else if (!isNamedArgument) uses.set(token.text, (uses.get(token.text) ?? 0) + 1)
  })
  return [
    ...[...uses.keys()].filter((name) => !declared.has(name)).map((name) => `${name} is not declared`),
    ...[...declared].filter((name) => !uses.has(name)).map((name) => `${name} is not used`),
  ]
}

/** `EXEC procedure @Name = value`: the name is the procedure's. */
function isProcedureArgument(tokens: readonly Token[], at: number): boolean {
  const start = tokens.slice(0, at).findLastIndex((token) => isWord(token, 'EXEC', 'EXECUTE') || isSymbol(token, ';'))
  if (!isWord(tokens[start], 'EXEC', 'EXECUTE')) return false
  // The first parameter behind EXEC may take the result: EXEC @result = procedure.
  return !(at === start + 1)
}

/** Between CREATE FUNCTION or PROCEDURE and its AS or RETURNS. */
function isModuleParameter(tokens: readonly Token[], at: number): boolean {
  const before = tokens.slice(0, at)
  const start = before.findLastIndex((token) => isWord(token, 'FUNCTION', 'PROCEDURE'))
  return (
    start > 0 && isWord(tokens[start - 1], 'CREATE') && !before.slice(start).some((t) => isWord(t, 'AS', 'RETURNS'))
  )
}

/** Every statement on a table of tenants names the tenant: as a condition, or among the values of an insert. */
const tenantIsNamed: Rule = (tokens, { tenantTables = [] }) => {
  const tables = new Set(tenantTables)
  return statementsIn(tokens).flatMap((statement) => {
    const table = statement.find(
      (token, at) => tables.has(token.text) && isSymbol(statement[at - 1], '.') && statement[at - 2]?.text === 'shard',
    )
    if (table === undefined) return []
    const names = statement.some(
      (token, at) =>
        token.text === 'tenant_id' &&
        isSymbol(statement[at + 1], '=') &&
        statement[at + 2]?.text.startsWith('@tenantId'),
    )
    const inserts =
      isWord(statement[0], 'INSERT') &&
      statement.some(
        (token, at) =>
          token.text === 'tenant_id' && (isSymbol(statement[at - 1], '(') || isSymbol(statement[at - 1], ',')),
      ) &&
      statement.some(
        (token, at) =>
          token.text.startsWith('@tenantId') &&
          (isSymbol(statement[at - 1], '(') || isSymbol(statement[at - 1], ',') || isWord(statement[at - 1], 'SELECT')),
      )
    return names || inserts ? [] : [`a statement on shard.${table.text} names no tenant`]
  })
}

/** Statements of a batch; an IF belongs to what precedes it, and what it does is a statement of its own. */
function statementsIn(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]]
  tokens.forEach((token, at) => {
    const isBehindIf = isWord(token, 'INSERT') && isWord(statements.at(-1)![0], 'IF')
    if (isSymbol(token, ';') || isBehindIf) statements.push([])
    if (!isSymbol(token, ';')) statements.at(-1)!.push(tokens[at]!)
  })
  return statements.filter((statement) => statement.length > 0)
}

const vectorsAreMeasured: Rule = (tokens) => {
  const metrics = [`'cosine'`, `'euclidean'`, `'dot'`]
  const distances = tokens.flatMap((token, at) =>
    isWord(token, 'VECTOR_DISTANCE') && !metrics.includes(tokens[at + 2]?.text ?? '')
      ? ['the first argument of VECTOR_DISTANCE is a literal metric']
      : [],
  )
  const isApproximate = tokens.some((token, at) => isWord(token, 'WITH') && isWord(tokens[at + 1], 'APPROXIMATE'))
  if (isApproximate && tokens.some((token) => isWord(token, 'TOP_N')))
    distances.push('TOP_N and WITH APPROXIMATE exclude each other (error 42274)')
  const indexes = tokens.filter((token, at) => isWord(token, 'VECTOR') && isWord(tokens[at + 1], 'INDEX'))
  const text = tokens.map((token) => token.text).join(' ')
  if (
    indexes.length > 0 &&
    !/VECTOR INDEX \S+ ON \S+ (\. \S+ )?\( \S+ \) WITH \( METRIC = '\w+' , TYPE = 'DiskANN'/i.test(text)
  )
    distances.push("CREATE VECTOR INDEX name ON table (column) WITH (METRIC = '…', TYPE = 'DiskANN')")
  return distances
}

const mergeIsSafe: Rule = (tokens) => {
  const at = tokens.findIndex((token) => isWord(token, 'MERGE'))
  if (at < 0) return []
  return [
    ...(tokens.some((token) => isWord(token, 'HOLDLOCK', 'SERIALIZABLE')) ? [] : ['MERGE without HOLDLOCK']),
    ...(isSymbol(tokens.at(-1), ';') ? [] : ['MERGE does not end with ;']),
  ]
}

const graphIsPlain: Rule = (tokens) => {
  const isGraph = tokens.some((token, at) => isWord(token, 'AS') && isWord(tokens[at + 1], 'NODE', 'EDGE'))
  return isGraph && tokens.some((token) => isWord(token, 'SYSTEM_VERSIONING', 'PERIOD', 'SYSTEM_TIME'))
    ? ['a graph table cannot be temporal']
    : []
}

const reach = /^(xp_\w+|sp_OA\w+|FILESTREAM|FILETABLE|ASSEMBLY|OPENROWSET|OPENQUERY|sp_invoke_external_rest_endpoint)$/i
const staysInside: Rule = (tokens) =>
  tokens
    .filter(({ kind, text }) => (kind === 'word' || kind === 'name') && reach.test(text.replace(/^\[(.*)\]$/, '$1')))
    .map(({ text }) => `${text} is not for us`)

/** Text that is run is one literal. */
const nothingIsBuilt: Rule = (tokens) =>
  tokens.flatMap((token, at) => {
    if (isWord(token, 'SP_EXECUTESQL')) return ['sp_executesql runs built text']
    if (!isWord(token, 'EXEC', 'EXECUTE') || !isSymbol(tokens[at + 1], '(')) return []
    return tokens[at + 2]?.kind === 'string' && isSymbol(tokens[at + 3], ')') ? [] : ['EXEC runs built text']
  })

const rules: readonly Rule[] = [
  isBalanced,
  parametersFit,
  tenantIsNamed,
  vectorsAreMeasured,
  mergeIsSafe,
  graphIsPlain,
  staysInside,
  nothingIsBuilt,
]
