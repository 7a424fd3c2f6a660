/** What the constitution decides about: each action, on what it is done, and whether it changes anything. */

/** Of these an owner may speak as a whole: `action in Action::"write"`. A write waits until its decision is durable. */
export type ActionGroup = 'read' | 'write'

type ActionRule = {
  group: ActionGroup
  resource: ResourceType
  /** In Cedar's schema syntax. */
  context?: string
}

/** Things that are done something to. Their attributes are in `schema.ts`, and as types in `request.ts`. */
export type ResourceType = 'Area' | 'JobKind' | 'JobRecord' | 'Model' | 'Node' | 'Tool' | 'AgentTemplate' | 'PolicySet'

/** Parts of the coordinator that have no rows of their own. */
export const areas = ['network', 'models', 'database', 'keys', 'settings', 'audit'] as const
export type Area = (typeof areas)[number]

/** Money is in millionths of HART: wei go beyond 64 bits. */
const terms = 'privacy: Privacy, maxPriceMicroHart: Long, model?: Model'

export const actions = {
  /** Nodes, coverage, prices, events: `Area::"network"`. */
  readNetwork: { group: 'read', resource: 'Area' },
  /** Find, map and plan: `Area::"models"`. */
  query: { group: 'read', resource: 'Area' },
  /** The owner's own SQL: `Area::"database"`. */
  sql: { group: 'read', resource: 'Area' },
  /** The rules, and what they decided: `Area::"audit"`. */
  readAudit: { group: 'read', resource: 'Area' },
  quote: { group: 'read', resource: 'JobKind', context: terms },
  readResult: { group: 'read', resource: 'JobRecord' },
  submit: { group: 'write', resource: 'JobKind', context: terms },
  cancel: { group: 'write', resource: 'JobRecord' },
  /** A person's answer to a step that waits for it. */
  approve: { group: 'write', resource: 'JobRecord' },
  /** A piece of a job is given to a node. */
  assign: { group: 'write', resource: 'Node', context: 'privacy: Privacy' },
  /** Before money is promised: this much for a job of this kind, after so much that the job has spent. */
  spend: {
    group: 'write',
    resource: 'JobKind',
    context: 'amountMicroHart: Long, spentMicroHart: Long, maxPriceMicroHart: Long',
  },
  useTool: { group: 'write', resource: 'Tool', context: 'isApproved: Bool' },
  /** An agent makes a child; what it may pass on is its own, and less. */
  delegate: { group: 'write', resource: 'AgentTemplate' },
  pull: { group: 'write', resource: 'Model' },
  distil: { group: 'write', resource: 'Model' },
  publish: { group: 'write', resource: 'Model' },
  manageKeys: { group: 'write', resource: 'Area' },
  configure: { group: 'write', resource: 'Area' },
  /** Puts another constitution in force. */
  amend: { group: 'write', resource: 'PolicySet' },
} as const satisfies Record<string, ActionRule>

export type ActionName = keyof typeof actions
export const actionNames = Object.keys(actions) as ActionName[]

/** As the entries of the table are read where their own literal types are in the way. */
export function actionRule(name: ActionName): ActionRule {
  return actions[name]
}
