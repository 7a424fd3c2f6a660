import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { StampedEvent } from '#protocol/api/control.ts'
import { isAlive } from './swarm.fixture.ts'

const executable = fileURLToPath(new URL('../node/bin/main.ts', import.meta.url))

interface Summary {
  event: 'summary'
  nodes: number
  bytesTotal: number
  bytesBySource: Record<string, number>
  chunksVerified: number
  chunksRejected: number
  fileIdentical: boolean
  answer: string
  tokensPerSecond: number
  durationMs: number
}

async function devnet(
  ...args: string[]
): Promise<{ status: number | null; lines: (StampedEvent & { node: number })[]; summary: Summary; stderr: string }> {
  const child = spawn(process.execPath, [executable, 'devnet', '--once', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (part: Buffer) => {
    stdout += part
  })
  child.stderr.on('data', (part: Buffer) => {
    stderr += part
  })
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  return { status, lines, summary: lines.at(-1), stderr }
}

function expectGoodRun({ status, lines, summary, stderr }: Awaited<ReturnType<typeof devnet>>): void {
  expect(status, stderr).toBe(0)
  expect(summary).toMatchObject({
    event: 'summary',
    nodes: 5,
    bytesTotal: 2_939_328,
    chunksVerified: 58,
    chunksRejected: 0,
    fileIdentical: true,
  })
  const shares = Object.values(summary.bytesBySource).map((bytes) => bytes / summary.bytesTotal)
  expect(shares.length).toBeGreaterThanOrEqual(3)
  expect(Math.max(...shares)).toBeLessThanOrEqual(0.6)
  expect(summary.answer).toMatch(/^Hartonomous is /)
  expect(summary.tokensPerSecond).toBeGreaterThan(0)
  const pids = lines.flatMap((line) => (line.event === 'ready' ? [line.pid] : []))
  expect(new Set(pids).size).toBe(5)
  expect(pids.filter(isAlive)).toEqual([])
}

test('main job: one file in, five processes, the late one fetches from all and answers', async () => {
  const run = await devnet()
  expectGoodRun(run)
  // The three that start together begin with different chunks: what each gained first is not the same set.
  const firstGained = [2, 3, 4].map((node) => {
    const gained = run.lines.flatMap((line) =>
      line.node === node && line.event === 'chunks-gained' ? line.chunkIndexes : [],
    )
    return gained
      .slice(0, 12)
      .sort((a, b) => a - b)
      .join()
  })
  expect(new Set(firstGained).size).toBe(3)
})

test('main job: the DHT alone gives the same result', async () => {
  expectGoodRun(await devnet('--dht-only'))
})

test('main job: a file that is no model ends it with a reason, and leaves no process behind', async () => {
  const child = spawn(
    process.execPath,
    [executable, 'devnet', '--once', '--json', '--model', fileURLToPath(import.meta.url)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stderr = ''
  child.stderr.on('data', (part: Buffer) => {
    stderr += part
  })
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  expect(status).toBe(1)
  expect(stderr).toContain('ERR_MODEL_FILE')
})
