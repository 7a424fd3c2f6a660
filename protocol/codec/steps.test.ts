import { expect, test } from 'vitest'
import { runAtOnce, runInSlices, type Steps } from './steps.ts'

function* sum(count: number): Steps<number> {
  let total = 0
  for (let n = 1; n <= count; n++) {
    total += n
    const endMs = performance.now() + 1
    while (performance.now() < endMs);
    yield
  }
  return total
}

test('steps: give the same result at once and in slices, and in slices others get their turn', async () => {
  expect(runAtOnce(sum(10))).toBe(55)
  let turns = 0
  const ticking = setInterval(() => turns++, 0)
  expect(await runInSlices(sum(100))).toBe(5050)
  clearInterval(ticking)
  expect(turns).toBeGreaterThan(2)
})

test('steps: an error ends the work', async () => {
  function* broken(): Steps<never> {
    yield
    throw new RangeError('broken')
  }
  expect(() => runAtOnce(broken())).toThrow(RangeError)
  await expect(runInSlices(broken())).rejects.toThrow(RangeError)
})
