/**
 * A decision: 200 rules spread over the actions as an owner spreads them, and the same with all 200 about one action,
 * against a set without rules. In turns, in one process, after a warm-up. Wall clock, because a caller waits for it; and
 * the mean of the CPU time, which other programs on the machine do not change.
 *   npm run bench -- constitution [--rounds 2000] [--rules 200]
 */
import { parseArgs } from 'node:util'
import { actionNames } from '#coordinator/constitution/actions.ts'
import { decide } from '#coordinator/constitution/decision.ts'
import { defaultText } from '#coordinator/constitution/default.ts'
import { constitutionOf, deriveConstitution, type PolicySet } from '#coordinator/constitution/policy-set.ts'
import type { DecisionRequest } from '#coordinator/constitution/request.ts'
import type { Bench } from './main.ts'

/** An agent of an agent of a member submits a chat: two layers of its own, eight scopes, a model with a licence. */
const request: DecisionRequest = {
  principal: {
    tenant: 'https://login.example.org/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0:00000000-0000-0000-66f3-3332eca7ea81',
    role: 'member',
    scopes: ['infer', 'jobs:read', 'jobs:write', 'network:read', 'query'],
    method: 'oidc',
    delegates: [
      { type: 'Agent', id: 'planner' },
      { type: 'Job', id: '019aa3a0-7b1c-7c3e-9a52-0c5a5e6f1b11' },
      { type: 'Agent', id: 'reader', scopes: ['jobs:write', 'query'] },
    ],
  },
  action: 'submit',
  resource: 'chat',
  context: {
    privacy: 'trusted',
    maxPriceMicroHart: 250_000,
    model: { id: 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', licence: 'Apache-2.0', publisher: '' },
  },
}

/** As owners write them: for one tenant, one licence, one bound, one time of the hierarchy. */
const conditions = (n: number) =>
  [
    `principal.tenant == "tenant-${n}"`,
    `principal.depth > ${n % 7} && !principal.scopes.contains(Scope::"admin") && principal.tenant like "https://other-${n}*"`,
    `principal.role == Role::"reader" || principal in Tenant::"tenant-${n}"`,
    `principal is Agent && principal in Job::"job-${n}"`,
  ][n % 4]!

function rulesOf(count: number, isSpread: boolean): string {
  const rules = Array.from({ length: count }, (_, n) => {
    const action = isSpread ? actionNames[n % actionNames.length]! : request.action
    return `@id("rule-${n}") forbid (principal, action == Action::"${action}", resource) when { ${conditions(n)} };`
  })
  return rules.join('\n')
}

/** With a layer for each of two agents, as in a running workflow. */
function setOf(text: string): PolicySet {
  const layer = '@id("no-pull") forbid (principal, action == Action::"pull", resource);'
  return deriveConstitution(deriveConstitution(constitutionOf(text), layer), layer)
}

export const bench: Bench = {
  name: 'constitution',
  describe: 'a decision of the constitution under 200 rules, against one without rules',
  async run({ args, log }) {
    const options = { rounds: { type: 'string', default: '2000' }, rules: { type: 'string', default: '200' } } as const
    const { values } = parseArgs({ args, options })
    const [rounds, rules] = [Number(values.rounds), Number(values.rules)]
    const shipped = defaultText()
    // The shipped rules count among them.
    const own = rules - constitutionOf(shipped).ruleCount
    const cases = {
      spread: setOf(`${shipped}\n${rulesOf(own, true)}`),
      oneAction: setOf(`${shipped}\n${rulesOf(own, false)}`),
      empty: constitutionOf(''),
    }
    const samples = new Map(Object.keys(cases).map((name) => [name, { wallMs: [] as number[], cpuMicroseconds: 0 }]))
    const warmUp = Math.ceil(rounds / 4)
    for (let round = 0; round < rounds + warmUp; round++) {
      for (const [name, set] of Object.entries(cases)) {
        const cpuBefore = process.threadCpuUsage()
        const startedAt = performance.now()
        const { isAllowed, problem } = decide(set, request)
        const wallMs = performance.now() - startedAt
        const { user, system } = process.threadCpuUsage(cpuBefore)
        if (problem !== undefined || isAllowed !== (name !== 'empty'))
          throw new Error(`${name}: ${problem ?? isAllowed}`)
        if (round < warmUp) continue
        const sample = samples.get(name)!
        sample.wallMs.push(wallMs)
        sample.cpuMicroseconds += user + system
      }
    }
    log(`${rounds} decisions of each kind; ${cases.spread.rulesOf.submit.length} of ${rules} rules are about submit`)
    const wall = (name: string, share: number) => quantile(samples.get(name)!.wallMs, share)
    const cpu = (name: string) => Number((samples.get(name)!.cpuMicroseconds / rounds / 1000).toFixed(4))
    return {
      rules,
      decideMsP50: wall('spread', 0.5),
      decideMsP99: wall('spread', 0.99),
      decideCpuMs: cpu('spread'),
      oneActionMsP50: wall('oneAction', 0.5),
      oneActionMsP99: wall('oneAction', 0.99),
      oneActionCpuMs: cpu('oneAction'),
      emptyMsP50: wall('empty', 0.5),
      emptyMsP99: wall('empty', 0.99),
      emptyCpuMs: cpu('empty'),
      ratioToEmpty: Number((wall('spread', 0.5) / wall('empty', 0.5)).toFixed(2)),
    }
  },
}

function quantile(samples: number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(4))
}
