import { describe, expect, test } from 'vitest'
import { createShardStore } from '../shard-store.ts'
import { batchesOf, MssqlExecutor, writerLock } from './executor.ts'
import { recordingConnection, serverError } from './fixtures/recording.ts'
import { plainProfile } from './fixtures/transcribed.ts'
import { statementOf } from './statements.ts'
import { parametersIn } from './tokens.ts'

const options = { migrations: [], random: () => 0 }
const setting = (log: readonly string[]) => log.map((text) => (text === writerLock.text ? 'lock' : text.split(/\s/)[0]))

/** `answers` by the first words of a batch. */
function executorOn(answer: Parameters<typeof recordingConnection>[0], profile = plainProfile) {
  const recording = recordingConnection(answer)
  return { ...recording, executor: new MssqlExecutor(recording.connection, profile, options) }
}

describe('transactions', () => {
  test('T-SQL executor: a writer takes the lock of the writers first, a reader none', async () => {
    const { executor, log } = executorOn(() => undefined)
    await executor.transaction('durable', (session) => session.run('deleteSetting', { tenantId: 1, key: 'a' }))
    await executor.transaction('read', (session) => session.all('findSetting', { tenantId: 1, key: 'a' }))
    expect(setting(log)).toEqual(['begin', 'lock', 'DELETE', 'commit', 'begin', 'SELECT', 'commit'])
    expect(log.filter((text) => text.startsWith('begin'))).toEqual(['begin readCommitted', 'begin snapshot'])
  })

  test('T-SQL executor: where the database has no snapshots, readers lock what they read', async () => {
    const { executor, log } = executorOn(() => undefined, { ...plainProfile, hasSnapshot: false })
    await executor.transaction('read', (session) => session.all('listModels', { tenantId: 1 }))
    expect(log[0]).toBe('begin repeatableRead')
  })

  test('T-SQL executor: where commits are forced to be lazy, a durable one flushes the log', async () => {
    const { executor, log } = executorOn(() => undefined, { ...plainProfile, delayedDurability: 'FORCED' })
    await executor.transaction('write', async () => undefined)
    expect(log.at(-1)).toBe('commit')
    await executor.transaction('durable', async () => undefined)
    expect(log.slice(-2)).toEqual(['commit', 'EXEC sys.sp_flush_log'])
  })

  test.for([1205, 3960, 1222])('T-SQL executor: error %d runs the whole transaction again', async (number) => {
    let failures = 2
    const { executor, log } = executorOn(({ text }) => {
      if (text.startsWith('DELETE') && failures-- > 0) throw serverError(number)
      return { rowsAffected: [1] }
    })
    let runs = 0
    const changed = await executor.transaction('write', (session) => {
      runs++
      return session.run('deleteSetting', { tenantId: 1, key: 'a' })
    })
    expect([changed, runs]).toEqual([1, 3])
    const failed = ['begin', 'lock', 'DELETE', 'rollback']
    expect(setting(log)).toEqual([...failed, ...failed, 'begin', 'lock', 'DELETE', 'commit'])
  })

  test('T-SQL executor: a conflict that does not end is told after three repetitions', async () => {
    const { executor, log } = executorOn(() => {
      throw serverError(1205)
    })
    await expect(executor.transaction('write', async () => undefined)).rejects.toMatchObject({
      code: 'ERR_STORE_CONFLICT',
    })
    expect(log.filter((text) => text === 'rollback')).toHaveLength(4)
    expect(log).not.toContain('commit')
  })

  test('T-SQL executor: nothing but a conflict is tried again, and the transaction is rolled back', async () => {
    for (const error of [serverError(2627), serverError(1105), new TypeError('a mistake of ours')]) {
      const { executor, log } = executorOn(({ text }) => {
        if (text.startsWith('INSERT')) throw error
        return undefined
      })
      const insert = executor.transaction('write', (session) => session.all('insertTenant', { name: 'a' }))
      await expect(insert).rejects.toThrow()
      expect(setting(log)).toEqual(['begin', 'lock', 'INSERT', 'rollback'])
    }
  })

  test('T-SQL executor: writers run in the order they were asked for, and a reader sees those before it', async () => {
    const { executor } = executorOn(() => undefined)
    const order: string[] = []
    const write = (name: string) =>
      executor.transaction('write', async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        order.push(name)
      })
    const read = executor.transaction.bind(executor, 'read')
    const first = write('first')
    const reader = read(async () => void order.push('reader'))
    await Promise.all([first, reader, write('second')])
    expect(order.indexOf('first')).toBe(0)
    expect([...order].sort()).toEqual(['first', 'reader', 'second'])
  })

  test('T-SQL executor: what was asked for before closing is done, what comes later is refused', async () => {
    const { executor, log } = executorOn(() => undefined)
    const write = executor.transaction('write', (session) => session.run('deleteSetting', { tenantId: 1, key: 'a' }))
    const read = executor.transaction('read', (session) => session.all('listModels', { tenantId: 1 }))
    await Promise.all([write, read, executor.close(), executor.close()])
    expect(log.filter((text) => text === 'close')).toHaveLength(1)
    expect(log.at(-1)).toBe('close')
    const late = executor.transaction('read', (session) => session.all('listModels', { tenantId: 1 }))
    await expect(late).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  })

  test('T-SQL executor: a read that is asked for while it closes is refused, and does not keep it open', async () => {
    const { executor, log } = executorOn(() => undefined)
    const write = executor.transaction('write', () => new Promise((resolve) => setTimeout(resolve, 5)))
    const closing = executor.close()
    const late = executor.transaction('read', (session) => session.all('listModels', { tenantId: 1 }))
    await expect(late).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    await Promise.all([write, closing])
    expect(log.at(-1)).toBe('close')
  })

  test('T-SQL executor: a session is refused once its transaction is over', async () => {
    const { executor } = executorOn(() => undefined)
    const session = await executor.transaction('read', async (given) => given)
    await expect(session.all('listModels', { tenantId: 1 })).rejects.toThrow('after its transaction')
  })
})

describe('values', () => {
  test('T-SQL executor: BIGINT comes as a number, and one that is not exact is damage', async () => {
    const answers = ['7', 9, '9007199254740991', '9007199254740992', '-1', '1.5', true]
    const outcomes = []
    for (const tenantId of answers) {
      const { executor } = executorOn(() => ({ rows: [{ tenantId }] }))
      const found = executor.transaction('read', (session) => session.all('findTenant', { name: 'a' }))
      outcomes.push(
        await found.then(
          ([row]) => row!.tenantId,
          (error: { code: string }) => error.code,
        ),
      )
    }
    const damage = 'ERR_STORE_CORRUPT'
    expect(outcomes).toEqual([7, 9, 2 ** 53 - 1, damage, -1, damage, damage])
  })

  test('T-SQL executor: texts that end in a space are told apart, and come back as they were', async () => {
    const stored = new Map<string, string>()
    const { executor } = executorOn(({ text, parameters }) => {
      // Compares as the server does: spaces at the end do not count.
      const name = String(parameters['name']?.value)
      if (text.startsWith('INSERT')) stored.set(name.trimEnd(), name)
      const found = stored.get(name.trimEnd())
      return { rows: found === undefined ? [] : [{ tenantId: String(stored.size) }] }
    })
    const names = ['a', 'a ', 'a  ', 'a\u0001', 'a \u0001']
    for (const name of names) {
      await executor.transaction('write', (session) => session.all('insertTenant', { name }))
    }
    expect(stored.size).toBe(names.length)
    const { executor: reader } = executorOn(() => ({
      rows: [...stored.values()].map((key) => ({ key, componentPk: '1' })),
    }))
    const rows = await reader.transaction('read', (session) =>
      session.all('listComponentKeys', { tenantId: 1, modelPk: 1 }),
    )
    expect(rows.map(({ key }) => key)).toEqual(names)
  })

  test('T-SQL executor: many rows are few batches, of few different texts, within the limit of parameters', () => {
    const text = 'INSERT INTO shard.edge(tenant_id, src, dst) VALUES (@tenantId, @src, @dst)'
    const rows = Array.from({ length: 1000 }, (_, n) => ({ tenantId: 1, src: n, dst: n + 1 }))
    const batches = [...batchesOf(text, rows)]
    expect(batches.map((batch) => batch.text.split(';').length)).toEqual([...Array<number>(7).fill(128), 64, 32, 8])
    const sent = batches.flatMap(({ parameters }) => Object.entries(parameters))
    expect(sent.filter(([name]) => name.startsWith('src')).map(([_, { value }]) => Number(value))).toEqual(
      rows.map(({ src }) => src),
    )
    for (const batch of batches) {
      expect(parametersIn(batch.text).toSorted()).toEqual(Object.keys(batch.parameters).toSorted())
      expect(Object.keys(batch.parameters).length).toBeLessThan(2100)
    }
    const wide = statementOf('insertExtent', plainProfile)!
    const row = Object.fromEntries(parametersIn(wide).map((name) => [name, null]))
    for (const batch of batchesOf(wide, Array<object>(300).fill(row)))
      expect(Object.keys(batch.parameters).length).toBeLessThan(2100)
    expect([...batchesOf(text, [])]).toEqual([])
  })

  test('T-SQL executor: a parameter that is missing, or that no text has, is a mistake', () => {
    const text = 'SELECT 1 FROM t WHERE tenant_id = @tenantId AND src = @src'
    expect(() => [...batchesOf(text, [{ tenantId: 1 }])]).toThrow('parameters of')
    expect(() => [...batchesOf(text, [{ tenantId: 1, src: 1, dst: 2 }])]).toThrow('parameters of')
  })
})

test('T-SQL executor: with the row-level policy each batch sets its tenant and clears it', async () => {
  const { executor, batches } = executorOn(() => undefined, { ...plainProfile, hasPolicy: true })
  const store = createShardStore(executor)
  await executor.transaction('write', (session) => session.run('deleteSetting', { tenantId: 7, key: 'a' }))
  const last = batches.at(-1)!
  expect(last.text.split(';\n')).toEqual([
    "EXEC sys.sp_set_session_context N'tenant_id', @tenantId",
    expect.stringMatching(/^DELETE FROM shard.setting WHERE tenant_id = @tenantId/),
    "EXEC sys.sp_set_session_context N'tenant_id', NULL",
  ])
  expect(last.parameters['tenantId']).toEqual({ type: 'bigint', value: '7' })
  await store.statistics()
  expect(batches.find(({ text }) => text.includes('UNION ALL'))!.text).toMatch(
    /^EXEC sys.sp_set_session_context N'tenant_id', -1;/,
  )
})

test('T-SQL executor: size and check ask the server', async () => {
  const { executor } = executorOn(({ text }) => ({
    rows: text.startsWith('DBCC') ? [{ MessageText: 'page 1 is damaged' }] : [{ sizeBytes: '16384' }],
  }))
  expect(await executor.sizeBytes()).toBe(16_384)
  expect(await executor.check()).toEqual(['page 1 is damaged'])
  expect(executor.capabilities()).toEqual({ engine: 'mssql', version: plainProfile.version, isInMemory: false })
})
