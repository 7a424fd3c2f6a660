import { expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { FairSlots, type Slot } from './fair-slots.ts'

const node = 'node' as PeerId
const forever = new AbortController().signal
const oneAtATime = (runningOn: (peerId: PeerId) => number) => (runningOn(node) < 1 ? node : undefined)

test('slots: tenants take turns, however many jobs one of them has waiting', async () => {
  const slots = new FairSlots()
  const first = await slots.take('a', oneAtATime, forever)
  const order: string[] = []
  const wait = async (tenant: string) => {
    const slot = await slots.take(tenant, oneAtATime, forever)
    order.push(tenant)
    slot.release()
  }
  const waits = ['a', 'a', 'a', 'a', 'b', 'b', 'c'].map(wait)
  first.release()
  await Promise.all(waits)
  expect(order.slice(0, 5).join('')).toBe('abcab')
  expect(order.slice(5)).toEqual(['a', 'a'])
})

test('slots: a job that no node can take holds up neither its tenant nor others', async () => {
  const slots = new FairSlots()
  void slots.take('a', () => undefined, forever).catch(() => undefined)
  const slot = await slots.take('a', oneAtATime, forever)
  expect(slot.peerId).toBe(node)
  expect(slots.waiting).toBe(1)
})

test('slots: whoever gives up waiting is forgotten, and a released slot goes to the next', async () => {
  const slots = new FairSlots()
  const first = await slots.take('a', oneAtATime, forever)
  const leaving = new AbortController()
  const left = slots.take('b', oneAtATime, leaving.signal)
  const stays: Promise<Slot> = slots.take('c', oneAtATime, forever)
  leaving.abort(new Error('left'))
  await expect(left).rejects.toThrow('left')
  first.release()
  first.release()
  expect((await stays).peerId).toBe(node)
  expect(slots.runningOn(node)).toBe(1)
  expect(slots.waiting).toBe(0)
})

test('slots: a second try goes past the queue only where there is room', async () => {
  const slots = new FairSlots()
  const slot = slots.tryTake(oneAtATime)
  expect(slot?.peerId).toBe(node)
  expect(slots.tryTake(oneAtATime)).toBeUndefined()
  slot?.release()
  expect(slots.tryTake(oneAtATime)?.peerId).toBe(node)
})
