import { expect, test } from 'vitest'
import { judge } from './verdict.ts'

const run = (bytes: number[], rest: { fileIdentical?: boolean; answer?: string } = {}) => ({
  transfer: { sources: bytes.map((count) => ({ bytes: count })) },
  fileIdentical: true,
  answer: 'Hartonomous is',
  coordinatorSeen: { nodesSeen: 5, jobs: 1 },
  ...rest,
})

test('devnet: a good run has three sources, none for more than 60 %, an identical file and an answer', () => {
  expect(judge(run([60, 30, 10]), true)).toBeUndefined()
  expect(judge(run([61, 29, 10]), true)).toBe('one source gave 61 % of the bytes, more than 60 %')
  expect(judge(run([50, 50, 0]), true)).toBe('the late node used 2 sources, fewer than 3')
  expect(judge(run([60, 30, 10], { fileIdentical: false }), true)).toContain('differs')
  expect(judge(run([60, 30, 10], { answer: ' \n' }), true)).toBe('the answer is empty')
})

test('devnet: without caps only the file and the answer count', () => {
  expect(judge(run([100]), false)).toBeUndefined()
  expect(judge(run([100], { fileIdentical: false }), false)).toContain('differs')
})
