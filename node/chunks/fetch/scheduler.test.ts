import { describe, expect, it } from 'vitest'
import { chunkBytes } from '#protocol/limits.ts'
import { KiB, MiB } from '#protocol/units.ts'
import { createFetchCore } from './index.ts'
import { allBits, bitsOf, placesOf, type SimulatedSource, Simulation, seededRandom } from './simulate.ts'

const MB = 1e6
const rates = [5 * MB, 20 * MB, 50 * MB, 100 * MB]
const sumRate = 175 * MB
const totalBytes = 512 * MiB
const places512 = placesOf(Array<number>(512).fill(chunkBytes))

function fourSources(rttMs: number, change: (source: SimulatedSource, index: number) => void = () => {}) {
  return rates.map((bytesPerSecond, index) => {
    const source: SimulatedSource = { id: `source-${index}`, bytesPerSecond, rttMs, isRttTold: index % 2 === 0 }
    change(source, index)
    return source
  })
}

describe('scheduler', () => {
  it.each([0, 60])('scheduler: reaches 0.95 of the sum of unequal rates at an RTT of %i ms', (rttMs) => {
    for (const seed of [1, 2, 3]) {
      const result = new Simulation({ places: places512, sources: fourSources(rttMs), seed, hasContent: false }).run()
      expect(result.isComplete).toBe(true)
      expect(totalBytes / sumRate / (result.durationMs / 1000)).toBeGreaterThanOrEqual(0.95)
      expect(result.snapshot.duplicateBytes / totalBytes).toBeLessThanOrEqual(0.02)
      expect(result.receivedBytes / totalBytes).toBeLessThanOrEqual(1.02)
    }
  })

  it.each([0, 30, 60])('scheduler: survives the collapse of the fastest source at an RTT of %i ms', (rttMs) => {
    const sources = fourSources(rttMs, (source, index) => {
      if (index === 3) source.rateAt = [{ atMs: 1000, bytesPerSecond: 2 * MB }]
    })
    const result = new Simulation({ places: places512, sources, seed: 4, hasContent: false }).run()
    const idealSeconds = 1 + (totalBytes - sumRate) / (77 * MB)
    expect(idealSeconds / (result.durationMs / 1000)).toBeGreaterThanOrEqual(0.93)
    expect(result.receivedBytes / totalBytes).toBeLessThanOrEqual(1.02)
  })

  it('scheduler: loses little when a source stalls, leaves, or another joins late', () => {
    const sources = fourSources(20, (source, index) => {
      if (index === 3) source.rateAt = [{ atMs: 1000, bytesPerSecond: 0 }]
      if (index === 2) source.leavesAtMs = 2000
      if (index === 1) source.joinsAtMs = 500
    })
    sources.push({ id: 'late', bytesPerSecond: 60 * MB, rttMs: 20, joinsAtMs: 2500 })
    const result = new Simulation({ places: places512, sources, seed: 5, hasContent: false }).run()
    // 0-0.5 s: 155, to 1 s: 175, to 2 s: 75, to 2.5 s: 25, then 85 MB/s.
    const idealSeconds = 2.5 + (totalBytes - (77.5 + 87.5 + 75 + 12.5) * MB) / (85 * MB)
    expect(idealSeconds / (result.durationMs / 1000)).toBeGreaterThanOrEqual(0.93)
    expect(result.receivedBytes / totalBytes).toBeLessThanOrEqual(1.02)
  })

  it('scheduler: gives up a source that sends nothing for the stall time, without blame', () => {
    const result = new Simulation({
      places: placesOf(Array<number>(200).fill(chunkBytes)),
      sources: [
        { id: 'stalls', bytesPerSecond: 10 * MB, rttMs: 5, rateAt: [{ atMs: 500, bytesPerSecond: 0 }] },
        { id: 'slow', bytesPerSecond: 5 * MB, rttMs: 5 },
      ],
      seed: 6,
      hasContent: false,
    }).run()
    expect(result.isComplete).toBe(true)
    expect(result.dropped).toEqual(['stalls'])
    expect(result.banned).toEqual([])
  })

  it('scheduler: a source that trickles cannot hold up the end', () => {
    const result = new Simulation({
      places: placesOf(Array<number>(64).fill(chunkBytes)),
      sources: [
        { id: 'trickle-1', bytesPerSecond: 2000, rttMs: 5, sliceBytes: 1000 },
        { id: 'trickle-2', bytesPerSecond: 2000, rttMs: 5, sliceBytes: 1000 },
        { id: 'fine', bytesPerSecond: 10 * MB, rttMs: 5 },
      ],
      seed: 7,
      hasContent: false,
    }).run()
    expect(result.durationMs / 1000).toBeLessThan(64 / 9.5 / 0.9)
  })

  it.each([[[0, 0, 0, 0]], [[0, 100, 200, 300]], [[0, 400, 400, 400]]])(
    'scheduler: spreads a small model over equal sources that join at %j ms',
    (joins) => {
      const sizes = Array.from({ length: 60 }, (_, index) => [512, 100 * KiB, 20 * KiB][index % 3]!)
      sizes.push(...[512, 256, 128].map((size) => size * KiB))
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const sources = joins.map((joinsAtMs, index): SimulatedSource => {
        // A bucket of 64 KiB goes out at once, then 250 kB/s.
        const rateAt = [{ atMs: joinsAtMs + 5, bytesPerSecond: 250_000 }]
        return { id: `source-${index}`, bytesPerSecond: 15 * MB, rateAt, rttMs: 1, joinsAtMs, isRttTold: true }
      })
      const result = new Simulation({ places: placesOf(sizes), sources, seed: 8, hasContent: false }).run()
      for (const source of result.snapshot.sources) expect(source.bytes / total).toBeLessThan(0.45)
      const idealMs = total / 1000 + joins.reduce((sum, ms) => sum + ms, 0) / 4
      expect(result.durationMs).toBeLessThan(idealMs * 1.05)
    },
  )

  it('scheduler: batches tiny chunks, and never asks for more ranges or bytes than a request may have', () => {
    const sizes = Array.from({ length: 2000 }, (_, index) => 512 + (index % 32) * 500)
    let ranges = 0
    const result = new Simulation({
      places: placesOf(sizes),
      sources: [{ id: 'a', bytesPerSecond: 10 * MB, rttMs: 60 }],
      seed: 9,
      hasContent: false,
      watch: (action) => {
        if (action.type !== 'request') return
        ranges += action.ranges.length
        expect(action.ranges.length).toBeLessThanOrEqual(64)
        expect(action.ranges.reduce((sum, range) => sum + range.lengthBytes, 0)).toBeLessThanOrEqual(256 * KiB)
      },
    }).run()
    expect(result.isComplete).toBe(true)
    expect(ranges).toBe(2000)
    expect(result.requests).toBeLessThan(300)
  })

  it('scheduler: on a shared downlink the windows stay near what the link carries', () => {
    let mostInFlightBytes = 0
    const inFlight = new Map<string, number>()
    const result = new Simulation({
      places: placesOf(Array<number>(200).fill(chunkBytes)),
      sources: [0, 1, 2, 3].map((index) => ({ id: `s${index}`, bytesPerSecond: 50 * MB, rttMs: 20, isRttTold: true })),
      seed: 10,
      downlinkBytesPerSecond: 20 * MB,
      hasContent: false,
      watch: (action, nowMs, core) => {
        if (nowMs < 3000 || action.type !== 'request') return
        inFlight.clear()
        const bytes = core.snapshot().sources.reduce((sum, source) => sum + source.inFlight * 256 * KiB, 0)
        mostInFlightBytes = Math.max(mostInFlightBytes, bytes)
      },
    }).run()
    expect(result.isComplete).toBe(true)
    expect((200 * MiB) / (20 * MB) / (result.durationMs / 1000)).toBeGreaterThan(0.95)
    // 20 MB/s x 0.17 s = 3.4 MB and one block of rounding per source; the sum of the sources' own rates would be 34 MB.
    expect(mostInFlightBytes).toBeLessThan(10 * MB)
  })

  it('scheduler: nodes that start together take different parts from the one seed', () => {
    const count = 1500
    let nowMs = 0
    const cores = [0, 1, 2].map((node) => {
      const random = seededRandom(100 + node)
      const wanted = allBits(count)
      return createFetchCore({
        places: placesOf(Array<number>(count).fill(32 * KiB)),
        held: new Uint8Array(wanted.length),
        wanted,
        now: () => nowMs,
        random,
      })
    })
    const heldBy = cores.map(() => new Set<number>())
    const queues = cores.map((core) => core.addSource('seed', { have: allBits(count), rttMs: 1 }))
    const names = ['n0', 'n1', 'n2']
    let sentBySeed = 0
    // The seed serves one request of each node in turn; nodes tell each other what they hold, but do not serve yet.
    while (heldBy[0]!.size < count / 3) {
      cores.forEach((core, node) => {
        nowMs += 20
        const request = queues[node]!.find((action) => action.type === 'request' && action.sourceId === 'seed')
        if (request?.type !== 'request') return
        queues[node] = queues[node]!.filter((action) => action !== request)
        for (const range of request.ranges) {
          sentBySeed++
          const actions = core.received('seed', request.requestId, new Uint8Array(range.lengthBytes))
          for (const action of actions) {
            if (action.type !== 'verify') continue
            heldBy[node]!.add(action.chunkIndex)
            queues[node]!.push(...core.chunkVerified(action.chunkIndex, true))
            core.release(action.bytes)
          }
          queues[node]!.push(...actions.filter((action) => action.type === 'request'))
        }
      })
      cores.forEach((core, node) => {
        for (const other of [0, 1, 2]) {
          if (other === node) continue
          const have = bitsOf(count, (chunk) => heldBy[other]!.has(chunk))
          const id = names[other]!
          const isKnown = core.snapshot().sources.some((source) => source.sourceId === id)
          const actions = isKnown ? core.updateHave(id, have) : core.addSource(id, { have, rttMs: 1 })
          for (const action of actions) {
            if (action.type !== 'request') continue
            if (action.sourceId === 'seed') queues[node]!.push(action)
            else queues[node]!.push(...core.refused(action.sourceId, action.requestId, 'busy', 60_000))
          }
        }
      })
    }
    const union = new Set(heldBy.flatMap((held) => [...held]))
    // Random picks alone would cover 1 - (2/3)^3 = 0.70 of the model by now.
    expect(union.size / sentBySeed).toBeGreaterThan(0.9)
  })
})
