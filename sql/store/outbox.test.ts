import { expect, test } from 'vitest'
import { outboxEventsMax } from '#protocol/limits.ts'
import { openDatabase } from './embedded/database.ts'
import { EmbeddedExecutor } from './embedded/executor.ts'
import { TenantSession } from './executor.ts'
import { claimOutbox, emit } from './outbox.ts'
import { createShardStore } from './shard-store.ts'

test('outbox: of events that nobody takes the newest are kept', async () => {
  const executor = new EmbeddedExecutor(await openDatabase({ path: ':memory:' }))
  await executor.migrate()
  const store = createShardStore(executor)
  try {
    // Makes the row of the tenant.
    await store.forTenant('local:owner').putSetting('any', 1)
    const events = await executor.transaction('write', async (session) => {
      const x = new TenantSession(session, 1)
      const event = (n: number) => ({ topic: 'model-removed', body: `{"modelId":"${n}"}`, atMs: n })
      await x.runMany(
        'insertOutbox',
        Array.from({ length: outboxEventsMax }, (_, n) => event(n)),
      )
      for (let n = 0; n < 3; n++) await emit(x, 'model-removed', { modelId: `late ${n}` }, n)
      return claimOutbox(x, 2 * outboxEventsMax, 1000, 0)
    })
    expect(events.length).toBe(outboxEventsMax)
    expect(events[0]?.body).toEqual({ modelId: '3' })
    expect(events.at(-1)?.body).toEqual({ modelId: 'late 2' })
  } finally {
    await store.close()
  }
})
