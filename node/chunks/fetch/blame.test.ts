import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KiB } from '#protocol/units.ts'
import type { FetchAction } from '../fetch-types.ts'
import { bitAt } from './bits.ts'
import { createFetchCore } from './index.ts'
import { allBits, bitsOf, placesOf, type SimulatedSource, Simulation } from './simulate.ts'

const MB = 1e6

/** One chunk, driven by hand. `reply` fills what a source was asked for with `value`. */
function oneChunk(sizeBytes = 64 * KiB) {
  let nowMs = 0
  const core = createFetchCore({
    places: placesOf([sizeBytes]),
    held: new Uint8Array(1),
    wanted: allBits(1),
    now: () => nowMs,
    random: () => 0.5,
  })
  const open: Extract<FetchAction, { type: 'request' }>[] = []
  const seen: FetchAction[] = []
  const take = (actions: FetchAction[]) => {
    for (const action of actions) {
      seen.push(action)
      if (action.type === 'request') open.push(action)
    }
    return actions
  }
  return {
    core,
    open,
    seen,
    take,
    pass: (ms: number) => {
      nowMs += ms
      return take(core.tick())
    },
    reply: (value: number, count = 1) => {
      for (let done = 0; done < count; done++) {
        const request = open.shift()!
        for (const range of request.ranges) {
          nowMs += 5
          take(core.received(request.sourceId, request.requestId, new Uint8Array(range.lengthBytes).fill(value)))
        }
      }
    },
    verdict: (isGood: boolean) => take(core.chunkVerified(0, isGood)),
    of: (type: FetchAction['type']) => seen.filter((action) => action.type === type),
  }
}

/** `a` sent all of the chunk, and it is wrong. */
function badCopyFromA() {
  const world = oneChunk()
  world.take(world.core.addSource('a', { have: allBits(1), rttMs: 1 }))
  world.reply(6, world.open.length)
  world.verdict(false)
  return world
}

describe('blame', () => {
  it('blame: asks the only sender of a bad chunk to hash its copy, and bans it once another copy proves it wrong', () => {
    const world = badCopyFromA()
    expect(world.of('recheck')).toEqual([{ type: 'recheck', sourceId: 'a', chunkIndex: 0 }])
    world.take(world.core.rechecked('a', 0, 'good'))
    expect(world.of('ban')).toEqual([])
    world.open.length = 0
    world.take(world.core.addSource('b', { have: allBits(1), rttMs: 1 }))
    // Whatever `a` is asked for a second time, `b` gets the chunk once `a` has failed again or is passed over.
    world.take(world.core.removeSource('a'))
    world.take(world.core.addSource('a', { have: allBits(1), rttMs: 1 }))
    while (world.open.length > 0) world.reply(7)
    world.verdict(true)
    expect(world.of('ban')).toHaveLength(1)
    expect(world.of('ban')[0]).toMatchObject({ sourceId: 'a' })
    expect(world.of('complete')).toHaveLength(1)
    expect(world.core.snapshot()).toMatchObject({ chunksVerified: 1, chunksRejected: 1 })
  })

  it('blame: a source that withdrew its file is let go without a ban', () => {
    const world = badCopyFromA()
    world.take(world.core.rechecked('a', 0, 'withdrawn'))
    world.take(world.core.addSource('b', { have: allBits(1), rttMs: 1 }))
    while (world.open.length > 0) world.reply(7)
    world.verdict(true)
    expect(world.of('ban')).toEqual([])
    expect(world.of('drop')).toMatchObject([{ sourceId: 'a' }])
    expect(world.of('complete')).toHaveLength(1)
  })

  it('blame: the answer may come after the proof', () => {
    const world = badCopyFromA()
    world.take(world.core.addSource('b', { have: allBits(1), rttMs: 1 }))
    while (world.open.length > 0) world.reply(7)
    world.verdict(true)
    expect(world.of('ban')).toEqual([])
    world.take(world.core.rechecked('a', 0, 'no-answer'))
    expect(world.of('ban')).toMatchObject([{ sourceId: 'a' }])
  })

  it('blame: a chunk that nobody can send right waits for a new source, and is not asked for again and again', () => {
    const world = badCopyFromA()
    world.take(world.core.rechecked('a', 0, 'good'))
    for (let round = 0; round < 200; round++) {
      while (world.open.length > 0) world.reply(6)
      world.verdict(false)
      world.take(world.core.rechecked('a', 0, 'good'))
      world.pass(50)
    }
    expect(world.core.snapshot().chunksRejected).toBe(2)
    world.take(world.core.addSource('b', { have: allBits(1), rttMs: 1 }))
    while (world.open.length > 0) world.reply(7)
    world.verdict(true)
    expect(world.of('complete')).toHaveLength(1)
    expect(world.of('ban')).toMatchObject([{ sourceId: 'a' }])
  })

  it('blame: of several senders of a bad chunk only the one whose bytes differ is banned', () => {
    const bans: FetchAction[] = []
    const sources: SimulatedSource[] = [
      { id: 'honest-1', bytesPerSecond: 0.2 * MB, rttMs: 5 },
      { id: 'honest-2', bytesPerSecond: 0.2 * MB, rttMs: 5 },
      { id: 'liar', bytesPerSecond: 0.2 * MB, rttMs: 5, lieShare: 0.5 },
    ]
    const mixed = new Set<number>()
    const sendersOf = new Map<number, Set<string>>()
    const result = new Simulation({
      places: placesOf(Array<number>(6).fill(512 * KiB)),
      sources,
      seed: 11,
      watch: (action) => {
        if (action.type === 'ban') bans.push(action)
        if (action.type !== 'request') return
        for (const { chunkIndex } of action.ranges) {
          const senders = sendersOf.get(chunkIndex) ?? new Set()
          sendersOf.set(chunkIndex, senders.add(action.sourceId))
          if (senders.size > 1 && senders.has('liar')) mixed.add(chunkIndex)
        }
      },
    }).run()
    expect(mixed.size).toBeGreaterThan(0)
    expect(result.isComplete).toBe(true)
    expect(result.snapshot.chunksRejected).toBeGreaterThan(0)
    expect(bans).toMatchObject([{ sourceId: 'liar' }])
  })

  it('blame: a liar that leaves before it is asked is not let in for ever', () => {
    let nowMs = 0
    const places = placesOf(Array<number>(4).fill(1024))
    const core = createFetchCore({
      places,
      held: new Uint8Array(1),
      wanted: allBits(4),
      now: () => nowMs,
      random: () => 0,
    })
    const answer = (actions: FetchAction[], value: number): void => {
      for (const action of actions) {
        nowMs += 1
        if (action.type === 'verify') answer(core.chunkVerified(action.chunkIndex, value === 7), value)
        if (action.type !== 'request') continue
        const bytes = new Uint8Array(action.ranges.reduce((sum, range) => sum + range.lengthBytes, 0)).fill(value)
        answer(core.received(action.sourceId, action.requestId, bytes), value)
      }
    }
    answer(core.addSource('liar', { have: allBits(4) }), 6)
    expect(core.snapshot().chunksRejected).toBeGreaterThanOrEqual(3)
    core.removeSource('liar')
    answer(core.addSource('honest', { have: allBits(4) }), 7)
    expect(core.addSource('liar', { have: allBits(4) })).toMatchObject([{ type: 'ban', sourceId: 'liar' }])
  })
})

const sourceArbitrary = fc.record({
  kind: fc.constantFrom('honest', 'honest', 'leaving', 'liar', 'withdrawing'),
  bytesPerSecond: fc.constantFrom(20_000, 80_000, 200_000, 1_000_000, 5_000_000),
  rttMs: fc.integer({ min: 0, max: 120 }),
  joinsAtMs: fc.integer({ min: 0, max: 1500 }),
  haveSeed: fc.integer({ min: 0, max: 255 }),
  lieShare: fc.constantFrom(0.05, 0.3, 1),
  leavesAtMs: fc.integer({ min: 100, max: 4000 }),
  withdrawsAtMs: fc.integer({ min: 0, max: 3000 }),
  recheckAnswer: fc.constantFrom('good' as const, 'no-answer' as const, 'withdrawn' as const),
  isRttTold: fc.boolean(),
})

describe('blame, any mix of sources', () => {
  it('blame: completes when honest sources hold everything, bans none of them, and accepts no wrong byte', () => {
    fc.assert(
      fc.property(
        fc.array(sourceArbitrary, { minLength: 1, maxLength: 6 }),
        fc.array(fc.constantFrom(512, 5 * KiB, 40 * KiB, 100 * KiB, 300 * KiB), { minLength: 1, maxLength: 24 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (specs, sizes, seed) => {
          const count = sizes.length
          const sources = specs.map((spec, index): SimulatedSource => {
            const source: SimulatedSource = {
              id: `${spec.kind}-${index}`,
              bytesPerSecond: spec.bytesPerSecond,
              rttMs: spec.rttMs,
              joinsAtMs: spec.joinsAtMs,
              isRttTold: spec.isRttTold,
              sliceBytes: 16 * KiB,
              // Every fourth source has everything, the others a part.
              have:
                spec.haveSeed % 4 === 0
                  ? allBits(count)
                  : bitsOf(count, (chunk) => ((chunk + 1) * (spec.haveSeed + 3)) % 7 < 4),
            }
            if (spec.kind === 'liar')
              Object.assign(source, { lieShare: spec.lieShare, recheckAnswer: spec.recheckAnswer })
            if (spec.kind === 'leaving') source.leavesAtMs = spec.leavesAtMs
            if (spec.kind === 'withdrawing') source.withdrawsAtMs = spec.withdrawsAtMs
            return source
          })
          const checks: string[] = []
          const result = new Simulation({
            places: placesOf(sizes, 8),
            sources,
            seed,
            limitMs: 300_000,
            watch: (action) => {
              if (action.type !== 'request') return
              const asked = sources.find((source) => source.id === action.sourceId)!
              for (const range of action.ranges) if (!bitAt(asked.have!, range.chunkIndex)) checks.push('asked in vain')
            },
          }).run()
          const honest = sources.filter((source) => source.id.startsWith('honest'))
          const wanted = allBits(count)
          expect(checks).toEqual([])
          expect(result.banned.filter((id) => !id.startsWith('liar'))).toEqual([])
          if (Simulation.covers(wanted, count, honest)) expect(result.isComplete).toBe(true)
          if (!Simulation.covers(wanted, count, sources)) expect(result.isComplete).toBe(false)
          if (!sources.some((source) => /^(liar|withdrawing)/.test(source.id))) {
            expect(result.snapshot.chunksRejected).toBe(0)
          }
          if (result.isComplete) {
            const bytes = result.snapshot.sources.reduce((sum, source) => sum + source.bytes, 0)
            expect(bytes).toBe(sizes.reduce((sum, size) => sum + size, 0))
          }
        },
      ),
      { numRuns: 100 },
    )
  }, 60_000)
})
