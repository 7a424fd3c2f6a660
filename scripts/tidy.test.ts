import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { formatFinding, tidy, tidyFiles } from './tidy.ts'

/** Rules broken by one source at one path, beside a clean file that imports something. */
function rulesBroken(path: string, source: string, others: readonly string[] = []): string[] {
  const files = new Map([
    ['node/log/clean.ts', "import { KiB } from '#protocol/units.ts'\n"],
    ...others.map((name) => [name, ''] as const),
    [path, source],
  ])
  const { findings } = tidyFiles([...files.keys()], (name) => files.get(name) ?? '')
  return [...new Set(findings.map((finding) => finding.rule))]
}

test('tidy: the tree of this repository is clean', () => {
  const { findings, moduleCount, importCount } = tidy(fileURLToPath(new URL('..', import.meta.url)))
  const errors = findings.filter((finding) => finding.severity === 'error')
  expect(errors.map(formatFinding)).toEqual([])
  expect(moduleCount).toBeGreaterThan(50)
  expect(importCount).toBeGreaterThan(50)
})

test('tidy: fails when it saw no modules or no imports at all', () => {
  expect(tidyFiles([], () => '').findings[0]?.message).toContain('saw 0 modules')
  expect(tidyFiles(['node/a.ts'], () => 'export const a = 1\n').findings[0]?.message).toContain('0 imports')
})

test.each([
  ['protocol from node', 'protocol/chunk.ts', "import { log } from '#node/log/index.ts'"],
  ['protocol from node, a type', 'protocol/chunk.ts', "import type { Log } from '#node/log/index.ts'"],
  ['protocol from node, relative', 'protocol/chunk.ts', "import { log } from '../node/log/index.ts'"],
  ['protocol from node, re-exported', 'protocol/chunk.ts', "export { log } from '#node/log/index.ts'"],
  ['protocol from node, re-exported whole', 'protocol/chunk.ts', "export * from '#node/log/index.ts'"],
  ['protocol from node, dynamic', 'protocol/chunk.ts', "export const a = () => import('#node/log/index.ts')"],
  ['protocol with file I/O', 'protocol/chunk.ts', "import { readFileSync } from 'node:fs'"],
  ['protocol with sockets', 'protocol/chunk.ts', "import { connect, isIP } from 'node:net'"],
  ['protocol with libp2p types', 'protocol/chunk.ts', "import type { Libp2p } from 'libp2p'"],
  ['sql from node', 'sql/store/a.ts', "import { log } from '#node/log/index.ts'"],
  ['node from coordinator', 'node/cli/a.ts', "import { jobs } from '#coordinator/jobs/index.ts'"],
  ['coordinator from the inside of node', 'coordinator/a.ts', "import { LeaseTable } from '#node/swarm/index.ts'"],
  ['another room by a relative path', 'node/log/a.ts', "import { KiB } from '../../protocol/units.ts'"],
  ['the inside of another feature', 'node/log/a.ts', "import { dial } from '../network/dial.ts'"],
  ['a feature from the command line', 'node/log/a.ts', "import { run } from '../cli/index.ts'"],
  ['the runtime from the command line', 'node/runtime/a.ts', "import { run } from '../cli/index.ts'"],
  ['libp2p outside the network', 'node/chunks/a.ts', "import { createLibp2p } from 'libp2p'"],
  ['a libp2p module outside the network', 'node/chunks/a.ts', "import { tcp } from '@libp2p/tcp'"],
  ['helia outside the network', 'node/chunks/a.ts', "export const a = () => import('helia')"],
  ['sqlite outside its engine', 'node/log/a.ts', "import { DatabaseSync } from 'node:sqlite'"],
  ['llama.cpp outside its engine', 'node/inference/a.ts', "import { getLlama } from 'node-llama-cpp'"],
  ['onnxruntime outside its engine', 'node/inference/llama/a.ts', "import * as ort from 'onnxruntime-node'"],
  ['a path outside the repository', 'node/log/a.ts', "import { a } from '../../../shared/a.ts'"],
])('tidy: catches an import of %s', (_what, path, source) => {
  expect(rulesBroken(path, `${source}\n`)).toContain('imports')
})

test.each([
  ['node/network/a.ts', "import { createLibp2p } from 'libp2p'"],
  ['node/chunks/a.ts', "import type { Stream } from '@libp2p/interface'"],
  ['node/chunks/a.ts', "import { createNetwork } from '../network/index.ts'"],
  ['node/chunks/a.ts', "import type { Network } from '#node/network/types.ts'"],
  ['node/cli/a.ts', "import { start } from '../runtime/start.ts'"],
  ['sql/store/embedded/a.ts', "import { DatabaseSync } from 'node:sqlite'"],
  ['protocol/a.ts', "import { createHash } from 'node:crypto'\nimport { isIP } from 'node:net'"],
  ['coordinator/a.ts', "import { fetchModel } from '#node/chunks/index.ts'"],
  ['scripts/bench/a.ts', "import { getLlama } from 'node-llama-cpp'\nimport { a } from '#node/chunks/a.ts'"],
])('tidy: allows in %s what the table allows (%s)', (path, source) => {
  expect(rulesBroken(path, `${source}\n`)).toEqual([])
})

test.each([
  ['folder-name', 'node/utils/a.ts', ''],
  ['file-name', 'node/log/helpers.ts', ''],
  ['file-name', 'node/log/shardStore.ts', ''],
  ['default-export', 'node/log/a.ts', 'export default 1\n'],
  ['open-end', 'node/log/a.ts', `// ${'TO'}DO later\n`],
  ['only', 'node/log/a.test.ts', `test.${'only'}('log: says what it must', () => {})\n`],
  ['only', 'node/log/a.test.ts', `describe.${'only'}.each([1])('log', () => {})\n`],
  ['test-name', 'node/log/a.test.ts', "it('works', () => {})\n"],
  ['file-length', 'node/log/a.ts', 'a()\n'.repeat(401)],
  ['function-length', 'node/log/a.ts', `export function a() {\n${'  b()\n'.repeat(70)}}\n`],
  ['machine-path', 'node/log/a.ts', `export const a = '/${'home'}/jane/models'\n`],
  ['machine-path', 'docs/guide.md', `Look in /${'Users'}/Jane/models.\n`],
  ['syntax', 'node/log/a.ts', 'export const = 1\n'],
])('tidy: finds a breach of %s', (rule, path, source) => {
  expect(rulesBroken(path, source)).toEqual([rule])
})

test('tidy: a file of 600 lines passes with a warning, one of 601 fails', () => {
  const severityAt = (lines: number) =>
    tidyFiles(['a.ts', 'b.ts'], (path) => (path === 'a.ts' ? "import './b.ts'\n" : 'a()\n'.repeat(lines))).findings[0]
      ?.severity
  expect(severityAt(600)).toBe('warning')
  expect(severityAt(601)).toBe('error')
})

test('tidy: asks each wire protocol for its table of bytes and its vectors', () => {
  expect(rulesBroken('protocol/have/codec.ts', '')).toEqual(['wire-companion'])
  expect(rulesBroken('protocol/have/codec.ts', '', ['protocol/have/README.md', 'protocol/have/vectors.json'])).toEqual(
    [],
  )
})
