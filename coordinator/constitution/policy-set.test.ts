import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addedRulesBytesMax, policyLayersMax, ruleNestingMax, ruleOperatorsMax, rulesMax } from '#protocol/limits.ts'
import { actionNames } from './actions.ts'
import { decide, refusalOf } from './decision.ts'
import { defaultText } from './default.ts'
import { withEngine } from './engine.ts'
import { constitutionOf, deriveConstitution, type PolicySet } from './policy-set.ts'
import { problemsOf } from './rule.ts'
import { anyRequest, person, requestOf } from './sample.fixture.ts'

const shipped = constitutionOf(defaultText())
const everything = constitutionOf('@id("all") permit (principal, action, resource);')

const action = fc.constantFrom(...actionNames)
const scopeOfAction = fc.oneof(
  fc.constant('action'),
  fc.constantFrom('action in Action::"write"', 'action in [Action::"read", Action::"submit"]'),
  action.map((name) => `action == Action::"${name}"`),
)
const scopeOfPrincipal = fc.constantFrom(
  'principal',
  'principal is Agent',
  'principal in Tenant::"a"',
  'principal == Job::"b"',
)
/** The third overflows for some: Cedar passes over it. The fourth asks for what is not there. */
const condition = fc.constantFrom(
  'true',
  'principal.depth > 1',
  'principal.depth * 9223372036854775807 > 0',
  'principal.depth - 9223372036854775807 - 9 < 0',
  'principal.scopes.contains(Scope::"infer") || principal.role == Role::"member"',
  'principal.tenant like "*:*" && [1, 2].contains(principal.depth)',
)
const addedForbids = fc
  .array(fc.tuple(scopeOfPrincipal, scopeOfAction, condition), { minLength: 0, maxLength: 3 })
  .map((rules) =>
    rules.map(([who, what, when], n) => `@id("f${n}") forbid (${who}, ${what}, resource) when { ${when} };`).join('\n'),
  )

test('policy set: whatever a child may do, each of its parents may do', () => {
  let permitted = 0
  fc.assert(
    fc.property(
      fc.array(addedForbids, { minLength: 1, maxLength: 4 }),
      fc.array(anyRequest, { minLength: 8, maxLength: 8 }),
      (texts, requests) => {
        for (const root of [shipped, everything]) {
          const chain = [root]
          for (const text of texts) chain.push(deriveConstitution(chain.at(-1)!, text))
          for (const request of requests) {
            const allowed = chain.map((set) => decide(set, request).isAllowed)
            expect(allowed).toEqual(allowed.toSorted((a, b) => Number(b) - Number(a)))
            permitted += Number(allowed.at(-1))
          }
        }
      },
    ),
    { numRuns: 20 },
  )
  // Otherwise nothing would have been shown.
  expect(permitted).toBeGreaterThan(30)
})

test('policy set: looking at the rules of one action only decides as looking at all of them does', () => {
  fc.assert(
    fc.property(addedForbids, fc.array(anyRequest, { minLength: 4, maxLength: 4 }), (text, requests) => {
      const set = deriveConstitution(shipped, text)
      const all = [...new Map(actionNames.flatMap((name) => set.rulesOf[name])).entries()]
      const whole = {
        ...set,
        hash: `whole ${set.hash}`,
        rulesOf: Object.fromEntries(actionNames.map((name) => [name, all])),
      }
      for (const request of requests) {
        const { policyHash: _, ...decision } = decide(whole as unknown as PolicySet, request)
        expect(decide(set, request)).toMatchObject(decision)
      }
    }),
    { numRuns: 20 },
  )
})

test.for([
  ['@id("p") permit (principal, action, resource);', 'p permits'],
  [
    '@id("f") forbid (principal, action, resource); @id("p") permit (principal == Agent::"me", action, resource);',
    'p permits',
  ],
  ['@id("t") forbid (principal == ?principal, action, resource);', 'template'],
  ['@id("t") permit (principal in ?principal, action, resource);', 'template'],
  [
    '// forbid\n@id("forbid")\npermit // forbid (principal, action, resource)\n(principal, action, resource);',
    'permits',
  ],
  ['@id("forbid") @note("forbid(principal, action, resource);") permit(principal,action,resource);', 'permits'],
  ['forbid (principal, action, resource);', 'needs an @id'],
  ['@id("A b") forbid (principal, action, resource);', 'needs an @id'],
  ['@id("f") forbid (principal, action, resource); @id("f") forbid (principal is Job, action, resource);', 'two rules'],
] as const)('policy set: refuses to add %s', ([text, reason]) => {
  expect(() => deriveConstitution(shipped, text)).toThrow(reason)
})

test('policy set: rules of each layer are named, and may be called the same', () => {
  const text = '@id("no-spending") forbid (principal, action == Action::"spend", resource);'
  const child = deriveConstitution(deriveConstitution(everything, text), text)
  expect(decide(child, requestOf('spend', person('owner')))).toMatchObject({
    isAllowed: false,
    reasons: ['1:no-spending', '2:no-spending'],
    policyHash: child.hash,
  })
})

test('policy set: its hash is that of all that stands above it', () => {
  const text = '@id("f") forbid (principal, action == Action::"spend", resource);'
  const [a, b] = [deriveConstitution(shipped, text), deriveConstitution(everything, text)]
  expect(new Set([a.hash, b.hash, shipped.hash, deriveConstitution(a, text).hash]).size).toBe(4)
  expect(deriveConstitution(shipped, text).hash).toBe(a.hash)
  expect(() => constitutionOf(a.document)).toThrow('on top of nothing')
})

test('decision: a rule that would forbid and cannot be evaluated denies', () => {
  const text =
    '@id("sum") forbid (principal, action == Action::"spend", resource) when { context.spentMicroHart * 9000000000000000000 > 0 };'
  const set = deriveConstitution(everything, text)
  const decision = decide(set, requestOf('spend', person('owner')))
  expect(decision).toMatchObject({ isAllowed: false, reasons: ['1:sum'], errors: ['1:sum'] })
  expect(refusalOf(decision)).toBe('the rule 1:sum could not be evaluated')
})

test('decision: a rule that would permit and cannot be evaluated permits nothing', () => {
  const text =
    '@id("sum") permit (principal, action == Action::"spend", resource) when { context.spentMicroHart * 9000000000000000000 > 0 };'
  const decision = decide(constitutionOf(text), requestOf('spend', person('owner')))
  expect(decision).toMatchObject({ isAllowed: false, reasons: [], errors: ['sum'] })
  expect(refusalOf(decision)).toBe('no rule of the constitution permits it')
})

test('a text with errors is refused, with their places', () => {
  const text =
    '// é\n@id("a")\npermit (principal, action, resource)\n  when { "é" == "é" && principal.role == Role::"ownr" };\n@id("b") forbid (principal, action == Action::"x", resource);'
  const errors = problemsOf(text).filter(({ severity }) => severity === 'error')
  expect(errors).toMatchObject([
    { line: 4, column: 42, message: expect.stringContaining('ownr'), help: expect.stringContaining('"owner"') },
    { line: 5, column: expect.any(Number), message: expect.stringContaining('unrecognized action') },
  ])
  expect(() => constitutionOf(text)).toThrow('line 4, column 42')
  expect(() => constitutionOf('@id("a")\npermit (principal action, resource);')).toThrow(
    /line 2, column 19: .*unexpected token/,
  )
})

const rule = (when: string) => `@id("r") forbid (principal, action, resource) when { ${when} };`
const times = (text: string, n: number) => text.repeat(n)
const [nest, wide] = [ruleNestingMax - 2, ruleOperatorsMax - 8]

/** Shapes that recurse in the engine, as large as `n` says. */
const shapes: Readonly<Record<string, (n: number) => string>> = {
  parentheses: (n) => rule(`${times('(', n)}true${times(')', n)}`),
  negations: (n) => rule(`${times('!(', n / 2)}true${times(')', n / 2)}`),
  sets: (n) => rule(`${times('[', n)}1${times(']', n)} == ${times('[', n)}1${times(']', n)}`),
  records: (n) => rule(`${times('{a:', n)}1${times('}', n)} == ${times('{a:', n)}1${times('}', n)}`),
  choices: (n) => rule(`${times('if principal.depth > 0 then (', n / 4)}true${times(') else false', n / 4)}`),
  'choices behind one another': (n) => rule(`${times('if principal.depth > 0 then true else ', n / 3)}true`),
  'choices in choices': (n) => rule(`${times('if ', n)}true${times(' then true else false', n)}`),
  ands: (n) => rule(`true${times(' && true', n)}`),
  ors: (n) => rule(`false${times(' || false', n)}`),
  sums: (n) => rule(`0${times(' + principal.depth', n / 2)} > 9`),
  products: (n) => rule(`0${times(' * principal.depth', n / 2)} > 9`),
  clauses: (n) => `@id("r") forbid (principal, action, resource) ${times('when { true } ', n / 2)};`,
}
const isNested = new Set(['parentheses', 'negations', 'sets', 'records', 'choices'])

test.for(Object.keys(shapes))('a rule as deep as is allowed does not break the engine: %s', (name) => {
  const text = shapes[name]!(isNested.has(name) ? nest : wide)
  const set = deriveConstitution(everything, text)
  expect(decide(set, requestOf('sql', person('owner')))).toMatchObject({ policyHash: set.hash, errors: [] })
})

test.for(Object.keys(shapes))('a rule that is deeper is refused before the engine sees it: %s', (name) => {
  for (const n of [4 * ruleOperatorsMax, 1500]) {
    const text = shapes[name]!(n)
    expect(() => deriveConstitution(everything, text)).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }))
    expect(() => problemsOf(text)).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }))
  }
})

test('what is hidden in comments and strings is not counted, and hides nothing', () => {
  const brackets = times('(', 500)
  expect(deriveConstitution(everything, `// ${brackets}\n${rule(`"${brackets} \\" //" == "a"`)}`).ruleCount).toBe(2)
  // A comment ends with a line, however the line ends.
  for (const end of ['\n', '\r', '\r\n']) {
    expect(() => problemsOf(`// a${end}${rule(`${brackets}true${times(')', 500)}`)}`)).toThrow(/brackets within/)
  }
  for (const start of ['"a" == "', '/* ', '\u2028', "'"]) {
    expect(() => problemsOf(rule(`${start}${brackets}`)), start).toThrow(/brackets within|unexpected/)
  }
})

test('too many rules, bytes and layers are refused', () => {
  const limit = expect.objectContaining({ code: 'ERR_LIMIT' })
  const many = Array.from({ length: rulesMax + 1 }, (_, n) => `@id("r${n}") forbid(principal,action,resource);`)
  expect(() => constitutionOf(many.join(''))).toThrow(limit)
  expect(() => deriveConstitution(everything, `//${'é'.repeat(addedRulesBytesMax / 2)}`)).toThrow(limit)
  const full = constitutionOf(many.slice(1).join(''))
  expect(() => deriveConstitution(full, many[0]!)).toThrow(limit)
  let set = everything
  for (let layer = 0; layer < policyLayersMax; layer++) set = deriveConstitution(set, '')
  expect(() => deriveConstitution(set, '')).toThrow(limit)
  expect(() => problemsOf(rule(`principal.tenant like "${'*a'.repeat(200)}"`))).toThrow(limit)
})

test('patterns that match slowly take the time of their length', () => {
  // 40 of the slowest patterns over a long text: 8 million comparisons.
  const worst = Array.from(
    { length: 40 },
    (_, n) =>
      `@id("r${n}") forbid (principal, action, resource) when { principal.tenant like "*${'a'.repeat(240)}b" };`,
  )
  const set = deriveConstitution(everything, worst.join('\n'))
  const request = requestOf('sql', { ...person('owner'), tenant: 'a'.repeat(1024) })
  expect(decide(set, request)).toMatchObject({ isAllowed: true, errors: [] })
})

test('engine: after a fault it is loaded anew, and only what broke it is denied', () => {
  const request = requestOf('sql', person('owner'))
  const before = decide(everything, request)
  const deep = rule(`${times('(', 2000)}true${times(')', 2000)}`)
  expect(() => withEngine('a deep rule', (cedar) => cedar.policyToJson(deep))).toThrow(/the policy engine gave up/)
  expect(decide(everything, request)).toEqual(before)
})
