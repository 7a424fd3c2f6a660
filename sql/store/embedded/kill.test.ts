import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { modelIdOf, sampleContent } from '../compliance/sample.ts'
import { openEmbeddedStore } from '../index.ts'
import type { TenantStore } from '../types.ts'
import type { Acknowledged } from './fixtures/acknowledged.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-kill-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const rounds = 10
const writer = path.join(import.meta.dirname, 'fixtures/writer.ts')

/** Kills the writer `delayMs` after its first acknowledgement; gives back all of them. */
async function writeAndKill(file: string, round: number, delayMs: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [writer, file, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  let isTimed = false
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (!isTimed) setTimeout(() => child.kill('SIGKILL'), delayMs)
    isTimed = true
  })
  const signal = await new Promise((resolve) => child.once('close', (_, by) => resolve(by)))
  expect(signal, 'the writer ends by being killed only').toBe('SIGKILL')
  // The last line may have been cut off by the kill.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Acknowledged)
}

async function expectWhole(tenant: TenantStore, acknowledged: Acknowledged[]): Promise<void> {
  const models = new Map((await tenant.listModels()).map((row) => [row.modelId, row]))
  const held = new Map<string, number[]>()
  const ledger = new Map<string, string>()
  const jobs = new Map<string, string>()
  for (const message of acknowledged) {
    if ('put' in message) held.set(message.put, [])
    else if ('ledger' in message) ledger.set(message.ledger, message.hash)
    else if ('job' in message) jobs.set(message.job, message.state)
    else held.get(message.held)!.push(...message.chunks)
  }
  for (const [seed, chunks] of held) {
    const row = models.get(modelIdOf(seed))
    expect(row, `acknowledged model ${seed}`).toBeDefined()
    const bits = new Bitfield(row!.chunkCount, (await tenant.getHeld(modelIdOf(seed)))!)
    expect(
      chunks.filter((chunk) => !bits.has(chunk)),
      `acknowledged chunks of ${seed}`,
    ).toEqual([])
    expect(await tenant.getContent(modelIdOf(seed))).toEqual(sampleContent(seed, [Array(400).fill(100)]))
  }
  // Models that were written without the acknowledgement getting through are whole, too.
  for (const row of models.values()) {
    const content = (await tenant.getContent(row.modelId))!
    expect(content.files[0]!.extents).toHaveLength(400)
    const bits = new Bitfield(row.chunkCount, (await tenant.getHeld(row.modelId))!)
    expect(row).toMatchObject({ heldChunks: bits.count(), heldBytes: bits.count() * 100 })
    expect(await tenant.findComponents({ modelId: row.modelId })).toHaveLength(399)
  }
  await expectLedger(tenant, ledger)
  await expectJobs(tenant, jobs)
  const events = await tenant.claimOutbox(100_000, 1)
  const added = events.filter(({ topic }) => topic === 'model-added').map(({ body: { modelId } }) => modelId)
  expect(new Set(added)).toEqual(new Set(models.keys()))
  expect(added).toHaveLength(models.size)
}

/** Appends are of two entries each. */
async function expectLedger(tenant: TenantStore, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  const { entryCount, ...rest } = await tenant.checkLedger()
  expect(rest).not.toHaveProperty('damaged')
  expect(entryCount % 2).toBe(0)
  expect(entryCount / 2).toBeGreaterThanOrEqual(acknowledged.size)
  for (const [subject, hash] of acknowledged) {
    const found = await tenant.listLedger({ subject, kinds: ['receipt-signed'] })
    expect(found, subject).toHaveLength(2)
    expect(Buffer.from(found[0]!.hash).toString('hex')).toBe(hash)
  }
}

/** A job is queued or whole: with the attempt and the two events that came with its end. */
async function expectJobs(tenant: TenantStore, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  let after: string | undefined
  const found = new Map<string, string>()
  for (;;) {
    const page = await tenant.listJobs(after === undefined ? {} : { after })
    for (const { jobId, state } of page) {
      found.set(jobId, state)
      const events = (await tenant.listJobEvents(jobId, {})).map(({ seq }) => seq)
      const outcomes = (await tenant.listAttempts(jobId)).map(({ outcome }) => outcome)
      expect([state, events, outcomes]).toEqual(
        state === 'queued' ? ['queued', [], []] : ['succeeded', [1, 2], ['won']],
      )
    }
    after = page.at(-1)?.jobId
    if (after === undefined) break
  }
  for (const [jobId, state] of acknowledged)
    expect(
      state === 'queued' ? found.has(jobId) : found.get(jobId) === state,
      `acknowledged ${state} job ${jobId}`,
    ).toBe(true)
}

test('shard store: a killed writer loses nothing that was acknowledged and leaves nothing half-written', async () => {
  const file = path.join(folder, 'shard.db')
  const acknowledged: Acknowledged[] = []
  for (let round = 0; round < rounds; round++) {
    const delayMs = 5 + ((round * 37) % 90)
    const said = await writeAndKill(file, round, delayMs)
    expect(said.length).toBeGreaterThan(0)
    acknowledged.push(...said)
    const store = await openEmbeddedStore({ path: file })
    try {
      expect(await store.check()).toEqual([])
      await expectWhole(store.forTenant('local:owner'), acknowledged)
    } finally {
      await store.close()
    }
  }
}, 180_000)
