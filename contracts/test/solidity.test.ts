import { expect, test } from 'vitest'
import { runHardhat } from './build.ts'

test('solidity: unit, fuzz and invariant tests written in Solidity pass', async () => {
  const output = await runHardhat('test', 'solidity')
  const passing = Number(/(\d+) passing/.exec(output)?.[1])
  expect(passing, output.slice(-2000)).toBeGreaterThan(200)
  expect(output).not.toMatch(/\d+ failing/)
})
