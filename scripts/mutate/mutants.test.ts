import { expect, test } from 'vitest'
import { mutantsOf, shuffled } from './mutants.ts'

const changes = (source: string) => mutantsOf(source).map(({ operator, after }) => `${operator}: ${after}`)

test('mutants: every operator in a line of code is changed once', () => {
  expect(changes('if (a <= b) revert Wrong(a);')).toEqual(['compare: if (a < b) revert Wrong(a);', 'revert: '])
  expect(changes('x = a + b * c;')).toEqual(['add: x = a - b * c;', 'multiply: x = a + b / c;'])
  expect(changes('        x += 1;')).toEqual(['add: x -= 1;', 'statement: '])
  expect(changes('uint64 public constant THAW = 3 days;')).toEqual([
    'duration: uint64 public constant THAW = 4 days;',
    'number: uint64 public constant THAW = 31 days;',
  ])
  expect(changes('function freeze(address node) external onlyDisputes {')).toHaveLength(1)
})

test('mutants: comments, strings, imports and declarations of events are left alone', () => {
  const source = ['// a + b', '/// a < b', 'import {A} from "./a + b.sol";', 'event Paid(uint256 a);', 's = "a + b";']
  expect(changes(source.join('\n'))).toEqual([])
})

test('mutants: a seed gives an order, and another seed another one', () => {
  const list = Array.from({ length: 50 }, (_, i) => i)
  expect(shuffled(list, 7)).toEqual(shuffled(list, 7))
  expect(shuffled(list, 7)).not.toEqual(shuffled(list, 8))
  expect([...shuffled(list, 7)].sort((a, b) => a - b)).toEqual(list)
})
