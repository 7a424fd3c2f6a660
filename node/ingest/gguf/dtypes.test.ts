import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { tensorTypeByName, tensorTypes } from './dtypes.ts'

interface Golden {
  source: string
  types: Record<string, [id: number, blockElements: number, blockBytes: number]>
}

const golden = JSON.parse(readFileSync(new URL('./dtypes.golden.json', import.meta.url), 'utf8')) as Golden

/**
 * Where the package is known to differ from ggml. `block_q8_1` holds two halves (ggml-common.h:
 * `sizeof(block_q8_1) == 2*sizeof(ggml_half) + QK8_1`), the package still counts two floats. Q2_0 is newer than the package.
 */
const differences: Record<string, [number, number, number]> = { Q8_1: [9, 32, 36], Q2_0: [42, 64, 18] }

test('tensor types: ids and block sizes are those of the gguf package, but for the named differences', () => {
  const expected = { ...golden.types, ...differences }
  const actual = Object.fromEntries(
    tensorTypes.map(({ id, name, blockElements, blockBytes }) => [name, [id, blockElements, blockBytes]]),
  )
  expect(actual).toEqual(expected)
})

test('tensor types: ids are unique and names are found', () => {
  expect(new Set(tensorTypes.map(({ id }) => id)).size).toBe(tensorTypes.length)
  for (const type of tensorTypes) expect(tensorTypeByName(type.name), type.name).toBe(type)
})
