/** Plans Load: which bytes of a model some components are, and where each of them comes from. */
import type { Bitfield } from '#protocol/codec/bitfield.ts'
import type { ExtentRoot, ModelId, PeerId } from '#protocol/ids.ts'
import { second } from '#protocol/units.ts'
import type { ShardModel } from '../swarm/index.ts'

/** A run of one file, all of it from the same place. */
export interface LoadRange {
  fileIndex: number
  offsetBytes: number
  sizeBytes: number
  /** Chunks of the run: its first one, and how many. */
  firstChunk: number
  chunkCount: number
  /** Hashes that its chunks are checked against: the roots of its extents, in order. */
  roots: ExtentRoot[]
  source: 'local' | 'peers'
}

export interface LoadSource {
  peerId: PeerId
  /** Of the bytes that are not here, what it has. */
  sizeBytes: number
}

export interface LoadPlan {
  modelId: ModelId
  components: { key: string; sizeBytes: number; source: 'local' | 'peers' | 'both' | 'nobody' }[]
  ranges: LoadRange[]
  sizeBytes: number
  /** Of the whole model. */
  modelBytes: number
  localBytes: number
  /** Nobody that was asked has them. */
  missingBytes: number
  sources: LoadSource[]
  expectedMs: number
  /** False where a rate had to be assumed. */
  isRateMeasured: boolean
}

export interface LoadRates {
  /** Reading and checking here. */
  localBytesPerSecond: number
  /** Of all peers together; `undefined` while nothing was fetched yet. */
  peersBytesPerSecond: number | undefined
}

/** What a home line gives, for the first plan of all. */
const assumedBytesPerSecond = 5_000_000

/** `haves`: what peers are known to hold of the model. `keys`: components, each once. */
export function planLoad(
  model: Pick<ShardModel, 'modelId' | 'content' | 'places' | 'held' | 'sizeBytes'>,
  components: readonly { key: string; extents: readonly (readonly [fileIndex: number, extentIndex: number])[] }[],
  haves: ReadonlyMap<PeerId, Bitfield>,
  rates: LoadRates,
): LoadPlan {
  const { places, held } = model
  const keysOf = new Map(
    components.flatMap(({ key, extents }) => extents.map(([file, extent]) => [`${file}/${extent}`, key])),
  )
  const tally = new Map(components.map(({ key }) => [key, { local: 0, peers: 0, nobody: 0 }]))
  const ranges: LoadRange[] = []
  for (const place of places) {
    const key = keysOf.get(`${place.fileIndex}/${place.extentIndex}`)
    if (key === undefined) continue
    const isHere = held.has(place.chunkIndex)
    const isThere = isHere || [...haves.values()].some((have) => have.has(place.chunkIndex))
    tally.get(key)![isHere ? 'local' : isThere ? 'peers' : 'nobody'] += place.sizeBytes
    append(ranges, place, isHere ? 'local' : 'peers')
  }
  const sum = (pick: (bytes: { local: number; peers: number; nobody: number }) => number) =>
    [...tally.values()].reduce((total, bytes) => total + pick(bytes), 0)
  const [localBytes, peerBytes, missingBytes] = [sum((b) => b.local), sum((b) => b.peers), sum((b) => b.nobody)]
  const missing = places.filter(
    (place) => keysOf.has(`${place.fileIndex}/${place.extentIndex}`) && !held.has(place.chunkIndex),
  )
  const sources = [...haves]
    .map(([peerId, have]) => ({
      peerId,
      sizeBytes: missing.reduce((total, place) => total + (have.has(place.chunkIndex) ? place.sizeBytes : 0), 0),
    }))
    .filter(({ sizeBytes }) => sizeBytes > 0)
  const peerRate = rates.peersBytesPerSecond ?? assumedBytesPerSecond
  return {
    modelId: model.modelId,
    components: [...tally].map(([key, { local, peers, nobody }]) => ({
      key,
      sizeBytes: local + peers + nobody,
      source: nobody > 0 ? 'nobody' : peers === 0 ? 'local' : local === 0 ? 'peers' : 'both',
    })),
    ranges,
    sizeBytes: localBytes + peerBytes + missingBytes,
    modelBytes: model.sizeBytes,
    localBytes,
    missingBytes,
    sources,
    expectedMs: Math.ceil(second * Math.max(localBytes / rates.localBytesPerSecond, peerBytes / peerRate)),
    isRateMeasured: peerBytes === 0 || rates.peersBytesPerSecond !== undefined,
  }
}

function append(ranges: LoadRange[], place: ShardModel['places'][number], source: LoadRange['source']): void {
  const { fileIndex, offsetInFileBytes, sizeBytes, chunkIndex, root } = place
  const last = ranges.at(-1)
  const isNext =
    last !== undefined &&
    last.fileIndex === fileIndex &&
    last.source === source &&
    last.offsetBytes + last.sizeBytes === offsetInFileBytes &&
    last.firstChunk + last.chunkCount === chunkIndex
  if (!isNext) {
    ranges.push({
      fileIndex,
      offsetBytes: offsetInFileBytes,
      sizeBytes,
      firstChunk: chunkIndex,
      chunkCount: 1,
      roots: [root],
      source,
    })
    return
  }
  last.sizeBytes += sizeBytes
  last.chunkCount++
  if (last.roots.at(-1) !== root) last.roots.push(root)
}
