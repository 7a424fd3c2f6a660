import { expect, onTestFinished, test } from 'vitest'
import { describeActivity } from '#protocol/api/refusals.ts'
import { GiB, hour, MiB, minute } from '#protocol/units.ts'
import { Activity } from './activity.ts'
import { type ActivityFacts, helpfulAction } from './activity-help.ts'
import { ingest, pull, smallModel, TestNodes, until } from './node.fixture.ts'

const blocks = { requests: 0, bytes: 0, busy: 0, unpaid: 0, absent: 0, failed: 0 }

function activityAt(startMs: number) {
  const clock = { ms: startMs }
  return { clock, activity: new Activity(() => clock.ms) }
}

test('activity: counts what was asked in the last hour, and forgets what is older', () => {
  const { clock, activity } = activityAt(10 * hour)
  activity.served({ ...blocks, requests: 4, bytes: MiB, unpaid: 2 })
  activity.answered(30)
  activity.refused('answers', 'busy')
  expect(activity.view()).toEqual({
    sinceMs: 10 * hour,
    chunks: { served: 4, bytes: MiB, refused: { unpaid: 2 } },
    answers: { served: 1, tokens: 30, refused: { busy: 1 } },
  })
  clock.ms += 30 * minute
  activity.served({ ...blocks, requests: 1, bytes: 5 })
  clock.ms += 31 * minute
  expect(activity.view()).toEqual({
    sinceMs: 10 * hour + minute,
    chunks: { served: 1, bytes: 5, refused: {} },
    answers: { served: 0, tokens: 0, refused: {} },
  })
  clock.ms -= 2 * hour
  expect(activity.view().chunks.served).toBe(0)
})

const facts: Omit<ActivityFacts, 'activity'> = {
  pausedBy: '',
  slots: 2,
  pledgeBytes: GiB,
  uploadCapBytesPerSecond: 0,
  isLoopbackOnly: false,
  cheaperHolders: 0,
}

function helpAfter(count: (activity: Activity) => void, more: Partial<typeof facts> = {}): string | undefined {
  const { activity } = activityAt(0)
  count(activity)
  return helpfulAction({ activity: activity.view(), ...facts, ...more })
}

test('activity: the help is about what was refused most, and speaks of settings as they are', () => {
  const mostlyBusy = (activity: Activity) => {
    activity.refused('answers', 'busy', 5)
    activity.refused('chunks', 'absent', 2)
  }
  expect(helpAfter(mostlyBusy)).toContain('inference.slots 3')
  expect(helpAfter((activity) => activity.refused('chunks', 'absent'))).toContain('it offers 1.00 GiB')
  expect(helpAfter((activity) => activity.refused('chunks', 'unpaid'))).toContain('payment.pricePerGiB')
  expect(helpAfter((activity) => activity.refused('answers', 'unpaid'))).toContain('payment.pricePerKiloToken')
  const busy = (activity: Activity) => activity.refused('chunks', 'busy')
  expect(helpAfter(busy, { uploadCapBytesPerSecond: 2 * MiB })).toContain('2.00 MiB/s')
  expect(helpAfter(busy)).toBeUndefined()
  const paused = (activity: Activity) => activity.refused('chunks', 'paused')
  expect(helpAfter(paused, { pausedBy: 'its owner paused it' })).toContain('hart resume')
  expect(helpAfter(paused)).toBeUndefined()
})

test('activity: where nobody asks at all, reach and price are what may help', () => {
  const nobody = () => undefined
  expect(helpAfter(nobody, { isLoopbackOnly: true, cheaperHolders: 2 })).toContain('--public')
  expect(helpAfter(nobody, { cheaperHolders: 1 })).toContain('another node asks less')
  expect(helpAfter(nobody)).toBeUndefined()
  expect(helpAfter((activity) => activity.answered(1), { isLoopbackOnly: true })).toBeUndefined()
})

test('activity: is told in one sentence', () => {
  const { activity } = activityAt(0)
  expect(describeActivity(activity.view())).toBe('nobody asked for anything in the last hour')
  activity.answered(3)
  expect(describeActivity(activity.view())).toBe('served 1 prompt in the last hour')
  activity.refused('chunks', 'absent', 2)
  activity.refused('answers', 'absent')
  activity.refused('answers', 'busy')
  expect(describeActivity(activity.view())).toBe(
    'served 1 prompt in the last hour; 4 refused: 3 for what is not here, 1 because all places were taken',
  )
})

test('activity: a node counts what peers fetched from it, and what it refused them and why', async () => {
  const nodes = await TestNodes.create()
  onTestFinished(() => nodes.close())
  const seed = await nodes.start('seed')
  const model = await ingest(seed, smallModel)
  const buyer = await nodes.start('buyer', [seed])
  await pull(buyer, { model })
  const asked = async () => (await seed.controller.status()).activity
  const { heldBytes } = await buyer.controller.model(model)
  // Told once a second.
  await until('all of it to be counted', async () => (await asked()).chunks.bytes >= heldBytes)
  expect((await asked()).chunks).toMatchObject({ served: expect.any(Number), refused: {} })

  await buyer.controller.remove(model)
  await seed.controller.pause()
  const stop = new AbortController()
  const waiting = pull(buyer, { model }, stop.signal).catch(() => undefined)
  await until('a refusal while paused', async () => ((await asked()).chunks.refused.paused ?? 0) > 0)
  expect((await asked()).help).toBe('hart resume takes work again')
  stop.abort()
  await waiting
})
