import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { anvilBinary } from '#node/chain/anvil/binary.ts'
import type { StampedEvent } from '#protocol/api/control.ts'
import { isAlive } from './swarm.fixture.ts'

const hasAnvil = isAnvilInstalled()
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
  coordinator: { nodesSeen: number; jobs: number }
  economy: {
    vouchers: number
    settledWei: string
    transactions: number
    gasPerVoucher: number
    ledgerMatchesChain: boolean
    reputation: Record<string, { earnedWei: string; stakeWei: string; disputesLost: number }>
  } | null
}

function isAnvilInstalled(): boolean {
  try {
    anvilBinary()
    return true
  } catch {
    return false
  }
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
  // The coordinator is a process beside the five.
  expect(new Set(pids).size).toBe(6)
  expect(lines.filter((line) => line.event === 'coordinator-ready')).toMatchObject([
    { node: 6, coordinatorUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) },
  ])
  expect(summary.coordinator).toEqual({ nodesSeen: 5, jobs: 1 })
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
  if (hasAnvil) expectPaid(run)
  else console.log(`payment in the main job: skipped, the local chain (anvil) is not installed: ${run.stderr.trim()}`)
})

/** Each took bytes from others and paid for them, the coordinator paid the late one, and the chain says the same. */
function expectPaid({ lines, summary }: Awaited<ReturnType<typeof devnet>>): void {
  const { economy } = summary
  expect(economy).toMatchObject({ ledgerMatchesChain: true, transactions: 5 })
  const { vouchers, settledWei, gasPerVoucher, reputation } = economy!
  expect(Object.values(reputation).map(({ stakeWei }) => stakeWei)).toEqual(Array(5).fill(`1000${'0'.repeat(18)}`))
  const earned = Object.values(reputation).map(({ earnedWei }) => BigInt(earnedWei))
  expect(earned.reduce((a, b) => a + b, 0n)).toBe(BigInt(settledWei))
  expect(gasPerVoucher).toBeLessThan(110_000)
  const received = lines.filter((line) => line.event === 'voucher' && line.side === 'sale')
  expect(received).toHaveLength(vouchers)
  const paidForBytes = lines.flatMap((line) =>
    line.event === 'receipt' && line.side === 'purchase' && line.node === 5 && line.dueWei !== '0' ? [line.bytes] : [],
  )
  expect(paidForBytes.length).toBeGreaterThanOrEqual(3)
  // What came twice, in the race for the last chunks, is paid twice.
  expect(paidForBytes.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(summary.bytesTotal)
  const answered = lines.filter((line) => line.event === 'receipt' && line.kind === 'infer' && line.side === 'purchase')
  // The answer, and the one token with which the coordinator made sure that node 5 answers.
  expect(new Set(answered.map(({ node }) => node))).toEqual(new Set([6]))
}

test('main job: the DHT alone gives the same result, and with --free no chain is started', async () => {
  const run = await devnet('--dht-only', '--free')
  expectGoodRun(run)
  expect(run.summary.economy).toBeNull()
  expect(run.lines.filter(({ event }) => event === 'voucher')).toEqual([])
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
