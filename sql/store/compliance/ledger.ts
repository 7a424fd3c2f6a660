import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blake3 } from '#protocol/codec/blake3.ts'
import {
  ledgerBodyBytesMax,
  ledgerEntriesPerAppendMax,
  ledgerFieldsBytesMax,
  ledgerPageRowsMax,
  ledgerSubjectBytesMax,
} from '#protocol/limits.ts'
import type { LedgerAppend, LedgerEntry, LedgerKind } from '../ledger-entry.ts'
import type { TenantStore } from '../types.ts'
import { ledgerEntryOf } from './money.ts'
import { bytesOf } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

const zeros = new Uint8Array(32)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const subjectsOf = (entries: readonly LedgerEntry[]) => entries.map(({ subject }) => subject)
const seqsOf = (entries: readonly LedgerEntry[]) => entries.map(({ seq }) => seq)
const voucher = (subject: string, atMs = 1): LedgerAppend => ({
  kind: 'voucher-received',
  subject,
  body: Uint8Array.of(atMs),
  atMs,
})

/** The hash as its comment describes it, put together another way. */
function expectedHash({ previous, seq, atMs, kind, subject, body }: LedgerEntry, fields: string): string {
  const numbers = new BigUint64Array([BigInt(seq), BigInt(atMs)])
  const parts = [Buffer.from('hartonomous/ledger/1'), previous, new Uint8Array(numbers.buffer)]
  for (const part of [Buffer.from(kind), Buffer.from(subject), body, Buffer.from(fields)])
    parts.push(new Uint8Array(new Uint32Array([part.length]).buffer), part)
  return hex(blake3(Buffer.concat(parts)))
}

async function append(tenant: TenantStore, count: number, entryOf: (n: number) => LedgerAppend): Promise<void> {
  for (let at = 0; at < count; at += ledgerEntriesPerAppendMax) {
    const size = Math.min(ledgerEntriesPerAppendMax, count - at)
    await tenant.appendLedger(Array.from({ length: size }, (_, n) => entryOf(at + n)))
  }
}

export function ledgerCompliance(open: OpenStore): void {
  describe('ledger', () => {
    const opened = storeOpener(open)

    test('shard store: entries of the ledger are numbered from 1, bound by their hashes, and come back as they were', async () => {
      const { tenant, store, reopen } = await opened()
      expect(await tenant.checkLedger()).toEqual({ entryCount: 0, head: zeros })
      const given: LedgerAppend[] = [
        ledgerEntryOf('größe 😀 '),
        { kind: 'claim', subject: 'a', body: new Uint8Array(), atMs: 0, fields: {} },
        { kind: 'work', subject: 'a\u0000b', body: bytesOf('x', ledgerBodyBytesMax), atMs: Number.MAX_SAFE_INTEGER },
        { ...voucher('v'), fields: { b: false, a: '\ud800"', c: -0.5e-9, A: 1 } },
      ]
      const written = [
        ...(await tenant.appendLedger(given.slice(0, 3))),
        ...(await tenant.appendLedger([])),
        ...(await tenant.appendLedger(given.slice(3))),
      ]
      expect(written).toEqual(given.map((entry) => expect.objectContaining(entry)))
      expect(await tenant.listLedger()).toEqual(written)
      expect(seqsOf(written)).toEqual([1, 2, 3, 4])
      expect(hex(written[0]!.previous)).toBe(hex(zeros))
      for (const [at, entry] of written.entries()) {
        if (at > 0) expect(entry.previous).toEqual(written[at - 1]!.hash)
        const text = at < 3 ? canonicalText(entry) : '{"A":1,"a":"\\ud800\\"","b":false,"c":-5e-10}'
        expect(hex(entry.hash)).toBe(expectedHash(entry, text))
      }
      // Of these bytes, on every engine and for ever.
      expect(hex(written[3]!.hash)).toBe('d5ca831fa04f2d6888a6ca570e010220ea8bf003fe5e4f3d21c4abf3e27d6a50')
      const checked = { entryCount: 4, head: written[3]!.hash }
      expect(await tenant.checkLedger()).toEqual(checked)
      expect((await store.statistics()).rows).toMatchObject({ ledger: 4 })
      if (reopen === undefined) return
      const again = (await reopen()).forTenant('local:owner')
      expect(await again.listLedger()).toEqual(written)
      expect(await again.appendLedger([voucher('w')])).toMatchObject([{ seq: 5, previous: checked.head }])
    })

    test('shard store: of one kind and subject a unique entry is written once, and comes back as it was', async () => {
      const { tenant } = await opened()
      const [first] = await tenant.appendLedger([ledgerEntryOf('job 1')], { isUnique: true })
      const other = ledgerEntryOf('job 1', { body: Uint8Array.of(1), atMs: 5 })
      const next = ledgerEntryOf('job 2')
      const again = await tenant.appendLedger([other, next, { ...next, atMs: 7 }, { ...other, kind: 'work' }], {
        isUnique: true,
      })
      expect(again.map(({ seq, atMs, kind }) => [seq, atMs, kind])).toEqual([
        [1, 1000, 'receipt-signed'],
        [2, 1000, 'receipt-signed'],
        [2, 1000, 'receipt-signed'],
        [3, 5, 'work'],
      ])
      expect(again[0]).toEqual(first)
      // Asked for at once, by callers that know nothing of one another.
      const both = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          tenant.appendLedger([ledgerEntryOf('race', { body: Uint8Array.of(n) })], { isUnique: true }),
        ),
      )
      expect(new Set(both.map(([entry]) => `${entry!.seq} ${hex(entry!.hash)}`)).size).toBe(1)
      expect(seqsOf(await tenant.appendLedger([other]))).toEqual([5])
      expect(await tenant.checkLedger()).toMatchObject({ entryCount: 5 })
    })

    test('shard store: appends that run at once leave no gap in the ledger, and each gets numbers of its own', async () => {
      const { tenant } = await opened()
      const appended = await Promise.all(
        Array.from({ length: 12 }, (_, n) => tenant.appendLedger([voucher(`${n}`), voucher(`${n}`, 2)])),
      )
      const seqs = appended.flatMap(seqsOf)
      expect(seqs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, n) => n + 1))
      for (const [first, second] of appended) expect(second!.seq).toBe(first!.seq + 1)
      expect(await tenant.checkLedger()).toEqual({ entryCount: 24, head: (await tenant.listLedger()).at(-1)!.hash })
    })

    test('shard store: pages of the ledger by kinds and subject are those of a filtered list, either way', async () => {
      const { tenant } = await opened()
      const kinds: LedgerKind[] = ['voucher-received', 'receipt-signed', 'claim']
      await append(tenant, 60, (n) => ({ ...voucher(`${n % 4}`, n), kind: kinds[(n * n) % 3]! }))
      const all = await tenant.listLedger({ limit: 1000 })
      const asked = fc.record(
        {
          kinds: fc.subarray([...kinds, 'work' as const]),
          subject: fc.constantFrom('0', '1', '2', '3', 'none'),
          afterSeq: fc.nat(70),
          limit: fc.integer({ min: 1, max: 20 }),
          newestFirst: fc.boolean(),
        },
        { requiredKeys: [] },
      )
      await fc.assert(
        fc.asyncProperty(asked, async (filter) => {
          const { afterSeq, limit = 100, newestFirst = false } = filter
          const ordered = newestFirst ? all.toReversed() : all
          const expected = ordered.filter(
            ({ kind, subject, seq }) =>
              (filter.kinds === undefined || filter.kinds.length === 0 || filter.kinds.includes(kind as 'work')) &&
              (filter.subject === undefined || filter.subject === subject) &&
              (afterSeq === undefined || (newestFirst ? seq < afterSeq : seq > afterSeq)),
          )
          expect(await tenant.listLedger(filter)).toEqual(expected.slice(0, limit))
        }),
        { numRuns: 60 },
      )
    })

    test('shard store: the newest entry of each subject is found, page by page', async () => {
      const { tenant } = await opened()
      await append(tenant, 50, (n) => voucher(`channel ${String(n % 7)}`, n))
      await tenant.appendLedger([ledgerEntryOf('channel 0'), voucher('channel 3 ', 99)])
      const latest: LedgerEntry[] = []
      for (let afterSubject: string | undefined; ; afterSubject = latest.at(-1)!.subject) {
        const page = await tenant.latestLedger('voucher-received', {
          limit: 3,
          ...(afterSubject === undefined ? {} : { afterSubject }),
        })
        latest.push(...page)
        if (page.length < 3) break
      }
      const expected = [0, 1, 2, 3, 4, 5, 6].map((n) => `channel ${n}`)
      expect(subjectsOf(latest).toSorted()).toEqual([...expected, 'channel 3 '].toSorted())
      const byPlace = new Map(latest.map(({ subject, atMs }) => [subject, atMs]))
      expect(expected.map((subject) => byPlace.get(subject))).toEqual([49, 43, 44, 45, 46, 47, 48])
      expect(byPlace.get('channel 3 ')).toBe(99)
      expect(await tenant.latestLedger('claim')).toEqual([])
      expect(await tenant.latestLedger('voucher-received')).toEqual(latest)
    })

    test('shard store: a ledger of several pages is checked to its end', async () => {
      const { tenant } = await opened()
      await append(tenant, 2 * ledgerPageRowsMax, (n) => voucher(`${n}`, n))
      const [last] = await tenant.listLedger({ newestFirst: true, limit: 1 })
      expect(last!.seq).toBe(2 * ledgerPageRowsMax)
      expect(await tenant.checkLedger()).toEqual({ entryCount: last!.seq, head: last!.hash })
      expect(await tenant.listLedger({ limit: 1_000_000 })).toHaveLength(ledgerPageRowsMax)
    })

    test('shard store: refuses what is no entry of a ledger, and keeps nothing of that append', async () => {
      const { tenant } = await opened()
      const good = voucher('good')
      const bad: [Partial<LedgerAppend>, string][] = [
        [{ kind: 'gift' as LedgerKind }, 'ERR_USAGE'],
        [{ kind: 'toString' as LedgerKind }, 'ERR_USAGE'],
        [{ subject: '' }, 'ERR_USAGE'],
        [{ subject: '\ud800' }, 'ERR_USAGE'],
        [{ subject: 'x'.repeat(ledgerSubjectBytesMax + 1) }, 'ERR_LIMIT'],
        [{ body: new Uint8Array(ledgerBodyBytesMax + 1) }, 'ERR_LIMIT'],
        [{ atMs: -1 }, 'ERR_USAGE'],
        [{ atMs: 0.5 }, 'ERR_USAGE'],
        [{ fields: { a: Number.NaN } }, 'ERR_USAGE'],
        [{ fields: { a: null as never } }, 'ERR_USAGE'],
        [{ fields: { a: 'x'.repeat(ledgerFieldsBytesMax) } }, 'ERR_LIMIT'],
      ]
      for (const [changes, code] of bad) {
        const done = tenant.appendLedger([good, { ...good, ...changes }])
        await expect(done, JSON.stringify(changes)).rejects.toMatchObject({ code })
      }
      const many = tenant.appendLedger(Array<LedgerAppend>(ledgerEntriesPerAppendMax + 1).fill(good))
      await expect(many).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      for (const limit of [0, -1, 1.5, Number.NaN]) {
        await expect(tenant.listLedger({ limit })).rejects.toMatchObject({ code: 'ERR_USAGE' })
        await expect(tenant.latestLedger('work', { limit })).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      expect(await tenant.checkLedger()).toEqual({ entryCount: 0, head: zeros })
      const longest = voucher('é'.repeat(ledgerSubjectBytesMax / 2))
      expect(await tenant.appendLedger([longest])).toMatchObject([{ seq: 1, subject: longest.subject }])
    })

    test('shard store: each tenant has a ledger of its own, from 1', async () => {
      const { store } = await opened()
      const [rich, poor] = [store.forTenant('issuer:rich'), store.forTenant('issuer:poor')]
      await rich.appendLedger([voucher('a'), voucher('b')])
      const [own] = await poor.appendLedger([voucher('a', 9)], { isUnique: true })
      expect(own).toMatchObject({ seq: 1, atMs: 9, previous: zeros })
      expect(await poor.listLedger({ subject: 'b' })).toEqual([])
      expect(await poor.latestLedger('voucher-received')).toEqual([own])
      expect(await store.forTenant('issuer:stranger').checkLedger()).toEqual({ entryCount: 0, head: zeros })
      expect(seqsOf(await rich.appendLedger([voucher('c')]))).toEqual([3])
    })
  })
}

function canonicalText({ fields }: LedgerEntry): string {
  return fields === undefined ? '' : JSON.stringify(fields, Object.keys(fields).toSorted())
}
