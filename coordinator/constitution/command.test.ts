import { expect, test } from 'vitest'
import { runPolicyCommand } from './command.ts'
import { defaultText } from './default.ts'
import { person, requestOf } from './sample.fixture.ts'
import { schemaText } from './schema.ts'

const files: Record<string, string> = {
  'default.cedar': defaultText(),
  'wrong.cedar': 'permit (\n  principal, action == Action::"qurey", resource);',
  'unnamed.cedar': 'permit (principal, action, resource);',
  'cases.jsonl': [
    { says: 'a reader queries', isAllowed: true, request: requestOf('query', person('reader')) },
    { says: 'a reader does not submit', isAllowed: false, request: requestOf('submit', person('reader')) },
  ]
    .map((line) => JSON.stringify(line))
    .join('\n'),
  'false.jsonl': JSON.stringify({
    says: 'a reader pulls',
    isAllowed: true,
    request: requestOf('pull', person('reader')),
  }),
  'half.jsonl': '\n{"says":"x"}',
}
const run = (...args: string[]) => runPolicyCommand(args, (file) => files[file]!)

test('policy command: prints what is shipped, and what rules can speak about', () => {
  expect(run('print')).toEqual([[defaultText().trimEnd()], 0])
  expect(run('schema')).toEqual([[schemaText.trimEnd()], 0])
})

test('policy command: says what is wrong with a file, and where', () => {
  expect(run('check', 'default.cedar')).toEqual([
    [expect.stringMatching(/^default\.cedar: \d+ rules, sha256:[0-9a-f]{64}$/)],
    0,
  ])
  const [lines, status] = run('check', 'wrong.cedar')
  expect(status).toBe(1)
  expect(lines).toContainEqual(expect.stringMatching(/^wrong\.cedar:2:\d+: error: .*qurey/))
  expect(() => run('check', 'unnamed.cedar')).toThrow('needs an @id')
})

test('policy command: tests sentences against a file, and fails with those that do not hold', () => {
  expect(run('test', 'default.cedar', 'cases.jsonl')).toEqual([
    [
      'ok   a reader queries: permitted by query-models',
      'ok   a reader does not submit: no rule of the constitution permits it',
    ],
    0,
  ])
  expect(run('test', 'default.cedar', 'false.jsonl')).toEqual([
    ['FAIL a reader pulls: no rule of the constitution permits it'],
    1,
  ])
  expect(() => run('test', 'default.cedar', 'half.jsonl')).toThrow('half.jsonl:2')
})

test('policy command: what is not understood changes nothing', () => {
  for (const args of [[], ['check'], ['test', 'default.cedar'], ['print', 'x'], ['judge']])
    expect(run(...args)[1]).toBe(2)
})
