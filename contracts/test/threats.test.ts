import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)

test('threats: every Solidity test that docs/threats.md names exists', () => {
  const files = globSync('contracts/test/*.sol', { cwd: root })
  const source = files.map((file) => readFileSync(new URL(file, root), 'utf8')).join('\n')
  const existing = new Set([...source.matchAll(/function ((?:test|invariant)\w*)\(/g)].map((match) => match[1]!))
  const page = readFileSync(new URL('docs/threats.md', root), 'utf8')
  const named = [...page.matchAll(/`((?:test|testFuzz|invariant)_\w+)`/g)].map((match) => match[1]!)
  expect(named.length).toBeGreaterThan(70)
  expect(named.filter((name) => !existing.has(name))).toEqual([])
})
