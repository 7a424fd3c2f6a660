/**
 * Sets of rules: a constitution, and what was forbidden to agents and jobs on top of it.
 *
 * A set is named by the SHA-256 of its document. A child's document begins with the name of its parent's, so that a name
 * says every text above it, too. A child can only forbid, and Cedar lets any forbid win: whatever a child may do, its
 * parent may do.
 */
import { HartonomousError } from '#protocol/errors.ts'
import { addedRulesBytesMax, constitutionBytesMax, policyLayersMax, rulesMax } from '#protocol/limits.ts'
import { type ActionName, actionNames } from './actions.ts'
import { parseRules, type Rule } from './rule.ts'
import { textHash } from './schema.ts'

export interface PolicySet {
  /** SHA-256 of `document`, lower case hexadecimal. */
  hash: string
  document: string
  parent?: PolicySet
  /** 0 is a constitution. */
  layer: number
  ruleCount: number
  /** By the name that decisions give: `id`, and `2:id` in the second layer on top. Of all layers. */
  rulesOf: Readonly<Record<ActionName, readonly (readonly [name: string, rule: Rule])[]>>
}

const parentLine = /^\/\/ on top of sha256:([0-9a-f]{64})\n/

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function constitutionOf(text: string): PolicySet {
  atMost('bytes of a constitution', Buffer.byteLength(text), constitutionBytesMax)
  if (parentLine.test(text)) throw wrong('a constitution is on top of nothing')
  return setOf(text, parseRules(text), undefined)
}

/**
 * The same, with more that is forbidden. Looks at what the engine parsed, not at the text.
 * @throws {ERR_USAGE} for a rule that permits, or a template {ERR_LIMIT}
 */
export function deriveConstitution(parent: PolicySet, addedForbids: string): PolicySet {
  atMost('bytes of added rules', Buffer.byteLength(addedForbids), addedRulesBytesMax)
  atMost('layers of rules', parent.layer + 1, policyLayersMax)
  const rules = parseRules(addedForbids)
  const permit = rules.find(({ effect }) => effect !== 'forbid')
  if (permit !== undefined) {
    const { id, line, column } = permit
    throw wrong(`line ${line}, column ${column}: ${id} permits; on top of another set rules can only forbid`)
  }
  atMost('rules', parent.ruleCount + rules.length, rulesMax)
  return setOf(documentOf(parent.hash, addedForbids), rules, parent)
}

export function documentOf(parentHash: string, addedForbids: string): string {
  return `// on top of sha256:${parentHash}\n${addedForbids}`
}

/** What of a document is its own, and on top of what it stands. */
export function partsOf(document: string): { parentHash?: string; text: string } {
  const line = parentLine.exec(document)
  return line === null ? { text: document } : { parentHash: line[1]!, text: document.slice(line[0].length) }
}

export function rootOf(set: PolicySet): PolicySet {
  return set.parent === undefined ? set : rootOf(set.parent)
}

function setOf(document: string, rules: readonly Rule[], parent: PolicySet | undefined): PolicySet {
  const layer = parent === undefined ? 0 : parent.layer + 1
  const named = rules.map((rule) => [layer === 0 ? rule.id : `${layer}:${rule.id}`, rule] as const)
  const rulesOf = Object.fromEntries(
    actionNames.map((action) => {
      const own = named.filter(([, { actions }]) => actions.has(action))
      return [action, [...(parent?.rulesOf[action] ?? []), ...own]]
    }),
  ) as unknown as PolicySet['rulesOf']
  const set = { hash: textHash(document), document, layer, ruleCount: (parent?.ruleCount ?? 0) + rules.length, rulesOf }
  return parent === undefined ? set : { ...set, parent }
}

function atMost(what: string, actual: number, limit: number): void {
  if (actual > limit) throw new HartonomousError('ERR_LIMIT', { what, limit, actual })
}

function wrong(reason: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: `rules: ${reason}` })
}
