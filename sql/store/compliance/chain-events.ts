import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chainEventAddressesMax,
  chainEventArgsBytesMax,
  chainEventsPerPutMax,
  chainNameBytesMax,
  chainsPerTenantMax,
} from '#protocol/limits.ts'
import type { ChainEventFilter, ChainEventRow } from '../chain-event.ts'
import type { TenantStore } from '../types.ts'
import { addressOf, blockOf, sampleEvents } from './money.ts'
import { type OpenStore, storeOpener } from './setup.ts'

const chain = `eip155:31415:${addressOf('escrow')}`

/** Blocks 1 to `count`, in one step each; every third one has no events. */
async function fill(tenant: TenantStore, count: number): Promise<ChainEventRow[]> {
  const all: ChainEventRow[] = []
  for (let n = 1; n <= count; n++) {
    const name = ['Claimed', 'Deposited', 'Locked'][(n * n) % 3]!
    const seeds = n % 3 === 0 ? [] : [`${n % 5}`, `${n % 2}`]
    const events = sampleEvents(blockOf(n), seeds, { name })
    const from = n === 1 ? undefined : blockOf(n - 1)
    await tenant.addChainEvents(chain, { from, to: blockOf(n), events })
    all.push(...events)
  }
  return all
}

async function listed(tenant: TenantStore, filter: ChainEventFilter = {}): Promise<ChainEventRow[]> {
  const events: ChainEventRow[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await tenant.listChainEvents(chain, { ...filter, ...(cursor === undefined ? {} : { cursor }) })
    events.push(...page.events)
    cursor = page.nextCursor
    if (cursor === undefined) return events
  }
}

export function chainEventCompliance(open: OpenStore): void {
  describe('events of chains', () => {
    const opened = storeOpener(open)

    test('shard store: events of a chain come back in its order, with the cursor that stands behind them', async () => {
      const { tenant, reopen } = await opened()
      expect(await tenant.chainCursor(chain)).toBeUndefined()
      expect(await tenant.listChainEvents(chain)).toEqual({ events: [] })
      const events = [...sampleEvents(blockOf(5), ['a', 'b']), ...sampleEvents(blockOf(9), ['a'])]
      const mixed = events.toReversed().map((event) => ({
        ...event,
        contract: event.contract.toUpperCase().replace('0X', '0x'),
        addresses: [...event.addresses.toReversed(), event.addresses[0]!],
      }))
      await tenant.addChainEvents(chain, { to: blockOf(9), events: mixed })
      expect(await tenant.chainCursor(chain)).toEqual(blockOf(9))
      expect(await tenant.listChainEvents(chain)).toEqual({ events })
      await tenant.addChainEvents(chain, { from: blockOf(9), to: blockOf(12), events: [] })
      const again = reopen === undefined ? tenant : (await reopen()).forTenant('local:owner')
      expect(await again.chainCursor(chain)).toEqual(blockOf(12))
      expect(await listed(again, { limit: 1 })).toEqual(events)
      expect(await again.chainCursor('another')).toBeUndefined()
    })

    test('shard store: events that begin elsewhere than at the cursor are a conflict, and change nothing', async () => {
      const { tenant } = await opened()
      const put = (from: number | undefined, to: number, branch = 'main') =>
        tenant.addChainEvents(chain, {
          from: from === undefined ? undefined : blockOf(from, branch),
          to: blockOf(to),
          events: sampleEvents(blockOf(to), ['x']),
        })
      await expect(put(3, 4)).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' })
      expect(await tenant.chainCursor(chain)).toBeUndefined()
      await put(undefined, 4)
      const before = await listed(tenant)
      for (const bad of [put(undefined, 4), put(3, 5), put(5, 6), put(4, 5, 'other')])
        await expect(bad).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' })
      // Of two indexers that go on from the same place one is too late.
      const both = await Promise.allSettled([put(4, 5), put(4, 5)])
      expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
      expect(await tenant.chainCursor(chain)).toEqual(blockOf(5))
      expect(await listed(tenant)).toEqual([...before, ...sampleEvents(blockOf(5), ['x'])])
    })

    test('shard store: after a reorganisation the events behind a block are gone, and others take their place', async () => {
      const { tenant } = await opened()
      const all = await fill(tenant, 10)
      const rest = all.filter(({ blockNumber }) => blockNumber <= 7)
      await expect(tenant.removeChainEvents(chain, blockOf(11))).rejects.toMatchObject({ code: 'ERR_USAGE' })
      expect(await tenant.removeChainEvents(chain, blockOf(7))).toBe(all.length - rest.length)
      expect(await tenant.chainCursor(chain)).toEqual(blockOf(7))
      expect(await listed(tenant)).toEqual(rest)
      expect(await listed(tenant, { address: addressOf('everyone') })).toEqual(rest)
      const other = blockOf(8, 'other')
      await tenant.addChainEvents(chain, { from: blockOf(7), to: other, events: sampleEvents(other, ['new']) })
      expect(await listed(tenant, { address: addressOf('new') })).toEqual(sampleEvents(other, ['new']))
      // Another block at the height of the cursor: what came with the old one goes, too.
      expect(await tenant.removeChainEvents(chain, blockOf(8))).toBe(1)
      expect(await tenant.chainCursor(chain)).toEqual(blockOf(8))
      expect(await tenant.removeChainEvents(chain, undefined)).toBe(rest.length)
      expect(await tenant.chainCursor(chain)).toBeUndefined()
      expect(await tenant.removeChainEvents(chain, undefined)).toBe(0)
      expect(await fill(tenant, 3)).toEqual(await listed(tenant))
    })

    test('shard store: pages of events by name, address and block are those of a filtered list', async () => {
      const { tenant } = await opened()
      const all = await fill(tenant, 40)
      const asked = fc.record(
        {
          names: fc.subarray(['Claimed', 'Deposited', 'Locked', 'Burned']),
          address: fc.constantFrom('0', '1', '3', 'everyone', 'nobody').map(addressOf),
          afterBlock: fc.nat(42),
          limit: fc.integer({ min: 1, max: 30 }),
        },
        { requiredKeys: [] },
      )
      await fc.assert(
        fc.asyncProperty(asked, async (filter) => {
          const expected = all.filter(
            ({ name, addresses, blockNumber }) =>
              (filter.names === undefined || filter.names.length === 0 || filter.names.includes(name)) &&
              (filter.address === undefined || addresses.includes(filter.address)) &&
              (filter.afterBlock === undefined || blockNumber > filter.afterBlock),
          )
          expect(await listed(tenant, filter)).toEqual(expected)
        }),
        { numRuns: 40 },
      )
      const upper = addressOf('3').toUpperCase().replace('0X', '0x')
      expect((await listed(tenant, { address: upper })).length).toBeGreaterThan(0)
    })

    test('shard store: refuses what is no event of these blocks, and keeps nothing of that put', async () => {
      const { tenant } = await opened()
      const [good] = sampleEvents(blockOf(2), ['a'])
      const put = (changes: Partial<ChainEventRow>, name = chain) =>
        tenant.addChainEvents(name, { to: blockOf(2), events: [good!, { ...good!, logIndex: 1, ...changes }] })
      const bad: [Partial<ChainEventRow>, string][] = [
        [{ blockNumber: 3 }, 'ERR_USAGE'],
        [{ blockNumber: -1 }, 'ERR_USAGE'],
        [{ blockHash: blockOf(2, 'other').blockHash }, 'ERR_USAGE'],
        [{ blockHash: '0x12' }, 'ERR_USAGE'],
        [{ logIndex: 0.5 }, 'ERR_USAGE'],
        [{ logIndex: 0 }, 'ERR_USAGE'],
        [{ transactionHash: '' }, 'ERR_USAGE'],
        [{ name: 'a b' }, 'ERR_USAGE'],
        [{ contract: 'escrow' }, 'ERR_ID'],
        [{ addresses: ['0x12'] }, 'ERR_ID'],
        [{ addresses: Array<string>(chainEventAddressesMax + 1).fill(addressOf('a')) }, 'ERR_LIMIT'],
        [{ args: { a: 'x'.repeat(chainEventArgsBytesMax) } }, 'ERR_LIMIT'],
      ]
      for (const [changes, code] of bad)
        await expect(put(changes), JSON.stringify(changes)).rejects.toMatchObject({ code })
      const step = (from: number, to: number) =>
        tenant.addChainEvents(chain, { from: blockOf(from), to: blockOf(to), events: [] })
      for (const wrong of [step(2, 2), step(3, 2)]) await expect(wrong).rejects.toMatchObject({ code: 'ERR_USAGE' })
      const many = Array<ChainEventRow>(chainEventsPerPutMax + 1).fill(good!)
      const tooMany = tenant.addChainEvents(chain, { to: blockOf(2), events: many })
      await expect(tooMany).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      for (const name of ['', '\ud800']) await expect(put({}, name)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      await expect(put({}, 'x'.repeat(chainNameBytesMax + 1))).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      const lists: [ChainEventFilter, string][] = [
        [{ cursor: 'x' }, 'ERR_USAGE'],
        [{ limit: 0 }, 'ERR_USAGE'],
        [{ names: ['a b'] }, 'ERR_USAGE'],
      ]
      for (const [filter, code] of lists)
        await expect(tenant.listChainEvents(chain, filter)).rejects.toMatchObject({ code })
      expect(await tenant.chainCursor(chain)).toBeUndefined()
      for (let n = 0; n < chainsPerTenantMax; n++) await put({}, `chain ${n}`.padEnd(chainNameBytesMax))
      await expect(put({}, 'one more')).rejects.toMatchObject({ code: 'ERR_LIMIT' })
    })

    test('shard store: of two tenants that follow one chain neither sees or removes an event of the other', async () => {
      const { store } = await opened()
      const [rich, poor] = [store.forTenant('issuer:rich'), store.forTenant('issuer:poor')]
      const all = await fill(rich, 6)
      expect(await poor.chainCursor(chain)).toBeUndefined()
      const own = await fill(poor, 1)
      expect(await listed(poor, { address: addressOf('everyone') })).toEqual(own)
      expect(await poor.removeChainEvents(chain, undefined)).toBe(own.length)
      expect(await listed(rich)).toEqual(all)
      expect(await rich.chainCursor(chain)).toEqual(blockOf(6))
    })
  })
}
