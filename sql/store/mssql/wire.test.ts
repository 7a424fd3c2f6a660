import { afterEach, expect, test } from 'vitest'
import type { Connection } from './connection.ts'
import { openMssqlConsole } from './console.ts'
import { connectMssql } from './driver.ts'
import { MssqlExecutor } from './executor.ts'
import { startTdsServer, type TdsAnswer, type TdsServer } from './fixtures/tds-server.ts'
import { plainProfile } from './fixtures/transcribed.ts'
import { parseMssqlUrl } from './url.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(...given: Parameters<typeof startTdsServer>): Promise<TdsServer & { url: string }> {
  const server = await startTdsServer(...given)
  closers.push(() => server.close())
  return { ...server, url: `mssql://hart@127.0.0.1:${server.port}/shard?encrypt=false` }
}

async function connect(url: string): Promise<Connection> {
  const connection = await connectMssql({ address: parseMssqlUrl(url, 'url'), password: 'x' })
  closers.push(() => connection.close())
  return connection
}

test('wire: values go and come as the executor takes them, whatever their size', async () => {
  const long = 'ü😀'.repeat(3000)
  const large = new Uint8Array(600_000).map((_, n) => n % 251)
  const columns = [
    { name: 'sizeBytes', type: 'bigint' },
    { name: 'name', type: 'nvarchar' },
    { name: 'leaves', type: 'varbinary' },
  ] as const
  const { url } = await serve(({ text, parameters }) => {
    if (!text.includes('@a')) return undefined
    const [a, b, c] = ['a', 'b', 'c'].map((name) => parameters[name]!.value)
    return {
      columns: [...columns],
      rows: [
        [a!, b!, c!],
        [null, null, null],
        ['-1', '', new Uint8Array(0)],
      ],
    }
  })
  const connection = await connect(url)
  for (const [name, leaves] of [
    ['short', new Uint8Array([0, 255])],
    [long, large],
  ] as const) {
    const { rows } = await connection.query({
      text: 'SELECT @a, @b, @c',
      parameters: {
        a: { type: 'bigint', value: '9007199254740993' },
        b: { type: 'nvarchar', value: name },
        c: { type: 'varbinary', value: leaves },
      },
    })
    expect(rows).toEqual([
      { sizeBytes: '9007199254740993', name, leaves: Buffer.from(leaves) },
      { sizeBytes: null, name: null, leaves: null },
      { sizeBytes: '-1', name: '', leaves: Buffer.alloc(0) },
    ])
  }
})

test('wire: a deadlock rolls back on the server, and the whole transaction runs again', async () => {
  let deadlocks = 1
  const { url, log } = await serve(({ text }) => {
    if (!text.startsWith('DELETE')) return undefined
    if (deadlocks-- > 0) return { error: { number: 1205, message: 'deadlock victim', isRolledBack: true } }
    return { rowsAffected: 3 }
  })
  const executor = new MssqlExecutor(await connect(url), plainProfile, { migrations: [] })
  const run = () => executor.transaction('write', (session) => session.run('deleteSetting', { tenantId: 1, key: 'a' }))
  expect(await run()).toBe(3)
  const words = log.map((text) => text.split(/\s/)[0])
  expect(words).toEqual(['begin', 'DECLARE', 'DELETE', 'begin', 'DECLARE', 'DELETE', 'commit'])
  // READ COMMITTED is 2, SNAPSHOT 5.
  await executor.transaction('read', (session) => session.all('listModels', { tenantId: 1 }))
  expect(log.filter((text) => text.startsWith('begin'))).toEqual(['begin 2', 'begin 2', 'begin 5'])
})

test('wire: an error of the server has its number, and the transaction is rolled back there', async () => {
  const { url, log } = await serve(({ text }) =>
    text.startsWith('INSERT') ? { error: { number: 2627, message: 'Violation of UNIQUE KEY constraint' } } : undefined,
  )
  const executor = new MssqlExecutor(await connect(url), plainProfile, { migrations: [] })
  const insert = executor.transaction('write', (session) => session.all('insertTenant', { name: 'a' }))
  await expect(insert).rejects.toMatchObject({ code: 'ERR_STORE_DUPLICATE' })
  expect(log.at(-1)).toBe('rollback')
})

const one: TdsAnswer = { columns: [{ name: 'n', type: 'bigint' }], rows: [['1'], ['2'], ['3']] }
const { signal } = new AbortController()

async function consoleOn(answer: TdsAnswer) {
  const server = await serve(({ text }) => (text.startsWith('select') ? answer : undefined))
  return { ...server, console: openMssqlConsole({ url: server.url, password: 'x' }) }
}

test('wire: the console stops reading at its limit, keeps equal names apart, and refuses a second result', async () => {
  const { console } = await consoleOn(one)
  expect(await console.run({ sql: 'select n' }, signal)).toMatchObject({ rows: [[1], [2], [3]], isTruncated: false })
  expect(await console.run({ sql: 'select n', rowsMax: 2 }, signal)).toMatchObject({
    rows: [[1], [2]],
    isTruncated: true,
  })
  const twins: TdsAnswer = { columns: [...one.columns!, ...one.columns!], rows: [['1', '9007199254740993']] }
  const { console: second } = await consoleOn(twins)
  expect(await second.run({ sql: 'select n, n' }, signal)).toMatchObject({
    columns: ['n', 'n'],
    rows: [[1, '9007199254740993']],
  })
  const { console: third } = await consoleOn({ ...one, next: one })
  await expect(third.run({ sql: 'select 1 select 2' }, signal)).rejects.toMatchObject({ code: 'ERR_QUERY_INVALID' })
})

test('wire: a query that takes too long, before its first row or behind it, is told so', async () => {
  for (const answer of [{ isSilent: true }, { ...one, isSilent: true }]) {
    const { console } = await consoleOn(answer)
    await expect(console.run({ sql: 'select n', timeoutMs: 300 }, signal)).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
    })
  }
})

test('wire: a query that nobody waits for any more is cancelled on the server', async () => {
  const { console, log } = await consoleOn({ isSilent: true })
  const abort = new AbortController()
  const waiting = console.run({ sql: 'select n', timeoutMs: 60_000 }, abort.signal)
  await expect.poll(() => log).toContain('select n')
  abort.abort(new Error('nobody waits'))
  await expect(waiting).rejects.toThrow('nobody waits')
  expect(log.at(-1)).toBe('attention')
})

test('wire: a query that the server refuses is the fault of the query', async () => {
  const { console } = await consoleOn({ error: { number: 229, message: 'The SELECT permission was denied' } })
  await expect(console.run({ sql: 'select * from shard.setting' }, signal)).rejects.toMatchObject({
    code: 'ERR_QUERY_INVALID',
    message: expect.stringContaining('permission'),
  })
})
