/** The schema of policies and requests, in Cedar's own syntax: what an owner can speak about, and what a typo is. */
import { createHash } from 'node:crypto'
import { jobKinds, privacyLabels } from '#protocol/api/jobs.ts'
import { methods, roles, scopes } from '../identity.ts'
import { actionNames, actionRule, areas } from './actions.ts'

/** Names that are one of a few: a policy that misspells one is refused. */
function enumOf(name: string, values: readonly string[]): string {
  return `entity ${name} enum [${values.map((value) => JSON.stringify(value)).join(', ')}];`
}

/** Of everyone who acts, so that a rule need not ask what it is. Depth 0 is the tenant; its agent has 1, whose job 2. */
const standing = 'tenant: String, role: Role, scopes: Set<Scope>, method: Method, depth: Long'

export const schemaText: string = `${[
  enumOf('Role', roles),
  enumOf('Scope', scopes),
  enumOf('Method', methods),
  enumOf('Privacy', privacyLabels),
  enumOf('JobKind', jobKinds),
  enumOf('Area', areas),
  '// Who acts. An agent or a job stands in all those for whom it acts: principal in Tenant::"local:owner".',
  `entity Tenant = { ${standing} };`,
  `entity Agent in [Tenant, Agent, Job] = { ${standing} };`,
  `entity Job in [Tenant, Agent, Job] = { ${standing} };`,
  '// What it is done to.',
  'entity JobRecord = { tenant: String, kind: JobKind };',
  '// Without a release that names them, licence and publisher are "".',
  'entity Model = { licence: String, publisher: String };',
  '// Region: ISO 3166-1 alpha-2, or "". Score: thousandths, 0 to 1000.',
  'entity Node = { region: String, isTrusted: Bool, isOwn: Bool, score: Long };',
  'entity Tool = { isWriting: Bool };',
  'entity AgentTemplate;',
  'entity PolicySet;',
  'action read, write;',
  ...actionNames.map(actionText),
].join('\n')}\n`

function actionText(name: (typeof actionNames)[number]): string {
  const { group, resource, context } = actionRule(name)
  const of = context === undefined ? '' : `, context: { ${context} }`
  return `action ${name} in [${group}] appliesTo { principal: [Tenant, Agent, Job], resource: [${resource}]${of} };`
}

/** SHA-256 of a text of policies or a schema: its name for ever. Lower case hexadecimal. */
export function textHash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export const schemaHash: string = textHash(schemaText)
