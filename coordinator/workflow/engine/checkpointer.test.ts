/** What LangGraph expects of every saver; its own suite of that is written for another test runner. */
import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint'
import { beforeEach, expect, test } from 'vitest'
import { emptyTenant } from '../host.fixture.ts'
import { Checkpointer } from './checkpointer.ts'

let saver: Checkpointer
beforeEach(() => {
  saver = new Checkpointer(emptyTenant())
})

let clock = 0
/** Ids sort by time. */
const checkpoint = (values: Record<string, unknown> = {}) => ({
  ...emptyCheckpoint(),
  id: uuid6(clock++),
  channel_values: values,
})
const meta = (step: number) => ({ source: 'loop' as const, step, parents: {} })
const at = (thread: string, id?: string, namespace = '') => ({
  configurable: { thread_id: thread, checkpoint_ns: namespace, ...(id === undefined ? {} : { checkpoint_id: id }) },
})

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}
const steps = async (thread: string, options?: Parameters<Checkpointer['list']>[1], id?: string) =>
  (await all(saver.list(at(thread, id), options))).map(({ metadata }) => metadata!.step)

async function chain(thread: string, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let step = 0; step < count; step++) {
    const next = checkpoint({ step })
    await saver.put(at(thread, ids.at(-1)), next, meta(step))
    ids.push(next.id)
  }
  return ids
}

test('saver: what was put is got, whole, with its parent', async () => {
  const [first, second] = [checkpoint({ a: [1, { b: null }] }), checkpoint({ a: 'ä' })]
  expect(await saver.getTuple(at('t'))).toBeUndefined()
  const config = await saver.put(at('t'), first, meta(-1))
  expect(config).toEqual(at('t', first.id))
  await saver.put(config, second, meta(0))
  expect(await saver.getTuple(at('t'))).toEqual({
    config: at('t', second.id),
    parentConfig: at('t', first.id),
    checkpoint: second,
    metadata: meta(0),
    pendingWrites: [],
  })
  const old = await saver.getTuple(at('t', first.id))
  expect(old).toEqual({ config: at('t', first.id), checkpoint: first, metadata: meta(-1), pendingWrites: [] })
  expect(await saver.get(at('t', first.id))).toEqual(first)
  expect(await saver.getTuple(at('t', uuid6(-1)))).toBeUndefined()
  expect(await saver.getTuple(at('other'))).toBeUndefined()
})

test('saver: what is changed after it was put is not changed in the store', async () => {
  const one = checkpoint({ a: 1 })
  await saver.put(at('t'), one, meta(0))
  one.channel_values['a'] = 2
  expect((await saver.get(at('t')))!.channel_values).toEqual({ a: 1 })
})

test('saver: a list is newest first, bounded, before an id, of one id, and by metadata', async () => {
  const ids = await chain('t', 5)
  await chain('other', 2)
  expect(await steps('t')).toEqual([4, 3, 2, 1, 0])
  expect(await steps('t', { limit: 2 })).toEqual([4, 3])
  expect(await steps('t', { limit: 0 })).toEqual([])
  expect(await steps('t', { before: at('t', ids[3]) })).toEqual([2, 1, 0])
  expect(await steps('t', { before: at('t', ids[3]), limit: 1 })).toEqual([2])
  expect(await steps('t', { filter: { step: 3 } })).toEqual([3])
  expect(await steps('t', { filter: { source: 'loop', step: 9 } })).toEqual([])
  expect(await steps('t', {}, ids[1])).toEqual([1])
})

test('saver: a list goes on over the pages of the store, and its bound counts what it gives', async () => {
  await chain('t', 120)
  expect(await steps('t')).toEqual([...Array(120).keys()].reverse())
  expect(await steps('t', { filter: { step: 3 }, limit: 1 })).toEqual([3])
})

test('saver: namespaces are apart, and listed together where none is named', async () => {
  const [outer, inner] = [checkpoint({ of: 'outer' }), checkpoint({ of: 'inner' })]
  await saver.put(at('t'), outer, meta(0))
  await saver.put(at('t', undefined, 'child:1'), inner, meta(1))
  expect((await saver.get(at('t')))!.channel_values).toEqual({ of: 'outer' })
  expect((await saver.get(at('t', undefined, 'child:1')))!.channel_values).toEqual({ of: 'inner' })
  expect((await saver.get({ configurable: { thread_id: 't' } }))!.channel_values).toEqual({ of: 'outer' })
  expect(await all(saver.list({ configurable: { thread_id: 't' } }))).toHaveLength(2)
  expect(await steps('t')).toEqual([0])
})

test('saver: pending writes come in the order in which they take effect: by path, then task, then place', async () => {
  const one = checkpoint()
  const config = await saver.put(at('t'), one, meta(0))
  await saver.putWrites(
    config,
    [
      ['b', 1],
      ['c', 2],
    ],
    'task-1',
    '~2',
  )
  await saver.putWrites(config, [['d', { deep: [3] }]], 'task-2', '~1')
  await saver.putWrites(config, [['a', 0]], 'task-3')
  const expected = [
    ['task-3', 'a', 0],
    ['task-2', 'd', { deep: [3] }],
    ['task-1', 'b', 1],
    ['task-1', 'c', 2],
  ]
  expect((await saver.getTuple(config))!.pendingWrites).toEqual(expected)
  expect((await all(saver.list(at('t'))))[0]!.pendingWrites).toEqual(expected)
})

test('saver: what a task wrote stands, and what is said of the task may change', async () => {
  const config = await saver.put(at('t'), checkpoint(), meta(0))
  await saver.putWrites(config, [['a', 'first']], 'task')
  await saver.putWrites(config, [['a', 'second']], 'task')
  await saver.putWrites(config, [['__error__', new Error('one')]], 'task')
  await saver.putWrites(config, [['__error__', new RangeError('two')]], 'task')
  await saver.putWrites(config, [['__interrupt__', { id: 'i', value: undefined }]], 'task')
  expect((await saver.getTuple(config))!.pendingWrites).toEqual([
    ['task', '__interrupt__', { id: 'i' }],
    ['task', '__error__', { name: 'RangeError', message: 'two' }],
    ['task', 'a', 'first'],
  ])
})

test('saver: writes belong to one checkpoint of one thread', async () => {
  const ids = await chain('t', 2)
  await saver.putWrites(at('t', ids[0]), [['a', 1]], 'task')
  expect((await saver.getTuple(at('t', ids[1])))!.pendingWrites).toEqual([])
  expect((await saver.getTuple(at('t', ids[0])))!.pendingWrites).toHaveLength(1)
})

test('saver: a deleted thread is gone with its writes, and the others stay', async () => {
  const [one] = await chain('t', 2)
  await saver.putWrites(at('t', one), [['a', 1]], 'task')
  await chain('other', 1)
  await saver.deleteThread('t')
  expect(await saver.getTuple(at('t'))).toBeUndefined()
  expect(await steps('t')).toEqual([])
  expect(await steps('other')).toEqual([0])
})

test.each(['__proto__', 'constructor', 'prototype'])('saver: a thread may be called %s', async (name) => {
  await chain(name, 1)
  expect(await steps(name)).toEqual([0])
})

test('saver: without a thread, or writes without a checkpoint, nothing is done', async () => {
  await expect(saver.put({ configurable: {} }, checkpoint(), meta(0))).rejects.toThrow('none is named')
  await expect(saver.getTuple({})).rejects.toThrow('none is named')
  await expect(saver.putWrites(at('t'), [['a', 1]], 'task')).rejects.toThrow('none is named')
})
