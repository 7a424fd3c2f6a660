import { describe, expect, test } from 'vitest'
import type { JobRow } from '../job.ts'
import type { TenantStore } from '../types.ts'
import { documentHash } from './documents.ts'
import { type OpenStore, storeOpener } from './setup.ts'
import { jobIdOf, sampleJob } from './work.ts'

const bytesOf = ({ request, detail, result = '', error = '' }: JobRow) =>
  [request, detail === '{}' ? '' : detail, result, error].reduce((sum, text) => sum + Buffer.byteLength(text), 0)

/** Counted out from what is there. */
async function countedOut(tenant: TenantStore, documents: readonly string[]) {
  const jobs = await tenant.listJobs()
  const texts = documents.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  return {
    openJobs: jobs.filter(({ finishedAtMs }) => finishedAtMs === undefined).length,
    storedBytes: jobs.reduce((sum, job) => sum + bytesOf(job), texts),
  }
}

export function totalCompliance(open: OpenStore): void {
  describe('totals', () => {
    const opened = storeOpener(open)

    test('shard store: what a tenant keeps is counted with each change, and a refused one changes nothing', async () => {
      const { tenant, store, reopen } = await opened()
      const other = store.forTenant('issuer:other')
      const documents: string[] = []
      const check = async () => expect(await tenant.getTotal()).toEqual(await countedOut(tenant, documents))
      await check()
      const jobs = Array.from({ length: 5 }, (_, n) => sampleJob(n, { idempotencyKey: `key ${n}` }))
      const [first, second, third] = jobs.map(({ jobId }) => jobId) as [string, string, string]
      await tenant.insertJobs(jobs)
      await check()
      // Known by its key: nothing is kept a second time.
      await tenant.insertJobs([{ ...jobs[0]!, jobId: jobIdOf('again') }])
      await check()
      await tenant.changeJobs([
        { jobId: first, revision: 1, atMs: 5, state: 'running', detail: '{"größe":"😀"}' },
        { jobId: second, revision: 1, atMs: 5, state: 'failed', error: '{"code":"ERR_TIMEOUT"}' },
      ])
      await check()
      await tenant.claimJobs({ owner: 'me', nowMs: 6, untilMs: 7, limit: 10 })
      const ends = [first, third].map((jobId) => {
        const end = { jobId, atMs: 8, state: 'succeeded', result: JSON.stringify({ text: 'x'.repeat(5000) }) } as const
        return end
      })
      await expect(tenant.changeJobs(ends.map((end) => ({ ...end, revision: 1 })))).rejects.toMatchObject({
        code: 'ERR_STORE_CONFLICT',
      })
      await check()
      for (const end of ends) {
        const { revision } = (await tenant.getJob(end.jobId))!
        await tenant.changeJobs([{ ...end, revision }])
      }
      await check()
      expect((await tenant.getTotal()).openJobs).toBe(2)
      for (const text of ['größe', 'x'.repeat(3000), 'größe']) {
        await tenant.putDocument({ hash: documentHash(text), text, atMs: 1 })
        if (!documents.includes(text)) documents.push(text)
        await check()
      }
      expect(await tenant.removeJobs(6, 100)).toBe(1)
      await check()
      expect(await tenant.removeJobs(1e6, 1)).toBe(1)
      await check()
      expect(await other.getTotal()).toEqual({ openJobs: 0, storedBytes: 0 })
      const total = await tenant.getTotal()
      if (reopen !== undefined) expect(await (await reopen()).forTenant('local:owner').getTotal()).toEqual(total)
    })
  })
}
