import { expect, test } from 'vitest'
import type { Role, Scope } from '../identity.ts'
import type { ActionName } from './actions.ts'
import { decide } from './decision.ts'
import { defaultText } from './default.ts'
import { constitutionOf } from './policy-set.ts'
import type { DecisionRequest, Delegate } from './request.ts'
import { problemsOf } from './rule.ts'
import { model, person, requestOf } from './sample.fixture.ts'

const shipped = constitutionOf(defaultText())

const agent = (id: string, scopes?: readonly Scope[]): Delegate =>
  scopes === undefined ? { type: 'Agent', id } : { type: 'Agent', id, scopes }

function ask(action: ActionName, role: Role, scopes?: readonly Scope[], delegates: readonly Delegate[] = []) {
  return requestOf(action, person(role, scopes, delegates))
}

function changed<A extends ActionName>(
  request: DecisionRequest,
  change: { resource?: unknown; context?: Record<string, unknown> },
): DecisionRequest & { action: A } {
  const context = 'context' in request ? { ...request.context, ...change.context } : undefined
  const resource = change.resource ?? request.resource
  return { ...request, resource, ...(context === undefined ? {} : { context }) } as never
}

const member: readonly Scope[] = ['network:read', 'query', 'jobs:read', 'jobs:write', 'infer']
const reader: readonly Scope[] = ['network:read', 'query', 'jobs:read']
const local = { context: { privacy: 'local' } }
const trusted = { context: { privacy: 'trusted' } }
const node = { id: '12D3-node', region: 'NL', isTrusted: false, isOwn: false, score: 500 }
const foreign = { resource: { id: 'job-9', tenant: 'somebody', kind: 'chat' } }
const deep = [agent('a'), agent('b'), agent('c')]

test.for<[sentence: string, request: DecisionRequest]>([
  ['the owner puts another constitution in force', ask('amend', 'owner')],
  ['the owner manages keys', ask('manageKeys', 'owner')],
  ['the owner cancels the job of another', changed(ask('cancel', 'owner'), foreign)],
  ['the owner reads the database in SQL', ask('sql', 'owner')],
  ['the owner uses a tool that writes, in person', ask('useTool', 'owner')],
  ['an operator pulls a model', ask('pull', 'operator')],
  ['an operator approves a step of another', changed(ask('approve', 'operator'), foreign)],
  ['an operator configures', ask('configure', 'operator')],
  ['a member submits a chat', ask('submit', 'member', member)],
  ['a member asks what a workflow costs', changed(ask('quote', 'member', member), { resource: 'workflow' })],
  ['a member cancels an own job', ask('cancel', 'member', member)],
  ['a member approves an own step', ask('approve', 'member', member)],
  ['a member reads an own result', ask('readResult', 'member', member)],
  ['a member spends within the bound of the job', ask('spend', 'member', member)],
  ['a key that may only infer submits a chat', ask('submit', 'member', ['infer'])],
  ["a member's agent submits", ask('submit', 'member', member, [agent('a')])],
  ["a member's agent makes another", ask('delegate', 'member', member, [agent('a'), agent('b')])],
  [
    "a member's agent uses a tool that only reads",
    changed(ask('useTool', 'member', member, [agent('a')]), { resource: { id: 'read-folder', isWriting: false } }),
  ],
  [
    "a member's agent uses a tool that writes, once approved",
    changed(ask('useTool', 'member', member, [agent('a')]), { context: { isApproved: true } }),
  ],
  ['work for everyone goes to any node', ask('assign', 'member', member)],
  [
    'work for trusted nodes goes to one that is',
    changed(ask('assign', 'member', member), { ...trusted, resource: { ...node, isTrusted: true } }),
  ],
  [
    'local work goes to the own node',
    changed(ask('assign', 'member', member), { ...local, resource: { ...node, isOwn: true } }),
  ],
  ['a reader looks at the network', ask('readNetwork', 'reader', reader)],
  ['a reader queries', ask('query', 'reader', reader)],
])('the shipped constitution: %s', ([, request]) => {
  const { isAllowed, errors, problem } = decide(shipped, request)
  expect({ isAllowed, errors, problem }).toEqual({ isAllowed: true, errors: [], problem: undefined })
})

test.for<[sentence: string, request: DecisionRequest, rules: string[]]>([
  ['an operator does not amend', ask('amend', 'operator'), []],
  ['an operator does not manage keys', ask('manageKeys', 'operator'), []],
  [
    'a key of the owner without its scope does not manage keys',
    ask('manageKeys', 'owner', ['admin']),
    ['keys-need-their-scope'],
  ],
  ['a key of the owner that only reads does not submit', ask('submit', 'owner', ['query']), ['jobs-need-a-scope']],
  [
    'a key of an operator without its scope does not read SQL',
    ask('sql', 'operator', ['query']),
    ['administration-needs-its-scope'],
  ],
  ['a member does not fill the disk', changed(ask('submit', 'member'), { resource: 'pull' }), ['member-no-pull']],
  ['a member does not pull', ask('pull', 'member'), []],
  ['a member does not publish', ask('publish', 'member'), []],
  ['a member does not read SQL', ask('sql', 'member'), []],
  ['a member does not read the log of decisions', ask('readAudit', 'member'), []],
  ["a member does not read another's result", changed(ask('readResult', 'member', member), foreign), []],
  ["a member does not cancel another's job", changed(ask('cancel', 'member', member), foreign), []],
  [
    'a key that may only infer starts no workflow',
    changed(ask('submit', 'member', ['infer']), { resource: 'workflow' }),
    [],
  ],
  ['a reader does not submit', ask('submit', 'reader'), []],
  ['a reader without the scope does not query', ask('query', 'reader', ['jobs:read']), []],
  ["an owner's agent does not approve", ask('approve', 'owner', undefined, [agent('a')]), ['agents-do-not-approve']],
  ["an owner's agent does not amend", ask('amend', 'owner', undefined, [agent('a')]), ['agents-do-not-administer']],
  [
    "an owner's agent does not use a tool that writes",
    ask('useTool', 'owner', undefined, [agent('a')]),
    ['tools-that-write-need-approval'],
  ],
  [
    'neither does a job',
    ask('useTool', 'owner', undefined, [{ type: 'Job', id: 'j' }]),
    ['jobs-that-write-need-approval'],
  ],
  ['an agent at depth 3 makes no other', ask('delegate', 'owner', undefined, deep), ['delegation-depth']],
  [
    'an agent without the scope does not submit',
    ask('submit', 'member', member, [agent('a', ['query'])]),
    ['jobs-need-a-scope'],
  ],
  [
    'what an agent was not given its child does not have',
    ask('submit', 'member', member, [agent('a', ['query']), agent('b', ['jobs:write'])]),
    ['jobs-need-a-scope'],
  ],
  ['local work stays here', changed(ask('assign', 'owner'), local), ['local-stays-here']],
  ['trusted work goes to no stranger', changed(ask('assign', 'owner'), trusted), ['trusted-nodes-only']],
  [
    'nobody spends more than the job may cost',
    changed(ask('spend', 'owner'), { context: { amountMicroHart: 999_981 } }),
    ['spend-within-the-job'],
  ],
  [
    'nobody spends more than 100 HART on a job',
    changed(ask('spend', 'owner'), { context: { spentMicroHart: 100_000_000, maxPriceMicroHart: 200_000_000 } }),
    ['spend-bound'],
  ],
])('the shipped constitution: %s', ([, request, rules]) => {
  const { isAllowed, reasons, errors, problem } = decide(shipped, request)
  expect({ isAllowed, reasons, errors, problem }).toEqual({
    isAllowed: false,
    reasons: rules,
    errors: [],
    problem: undefined,
  })
})

test('the shipped constitution: fits the schema without a warning', () => {
  expect(problemsOf(defaultText())).toEqual([])
})

test('a request that does not fit the schema is denied, whoever asks', () => {
  const odd = changed(requestOf('submit', person('owner')), { resource: 'mining' })
  expect(decide(shipped, odd)).toMatchObject({ isAllowed: false, problem: expect.stringContaining('mining') })
  const half = changed(requestOf('spend', person('owner')), { context: { amountMicroHart: 0.5 } })
  expect(decide(shipped, half)).toMatchObject({ isAllowed: false, problem: expect.any(String) })
  expect(decide(shipped, requestOf('pull', person('owner')))).toMatchObject({ isAllowed: true })
  expect(
    decide(shipped, changed(requestOf('pull', person('owner')), { resource: { ...model, licence: 7 } })),
  ).toMatchObject({
    isAllowed: false,
  })
})
