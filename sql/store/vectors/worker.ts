/** Entry of the thread that makes graphs: adding a vector takes 0.3 to 1 ms, in which a search would have to wait. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, renameSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { parentPort } from 'node:worker_threads'
import { HartonomousError } from '#protocol/errors.ts'
import { messagePort } from '#protocol/port/adapters.ts'
import { servePort } from '#protocol/port/index.ts'
import { type GrowingGraph, loadVectorEngine } from './usearch.ts'

export type GraphMethods = {
  /** `base`: a file whose graph is grown. */
  begin: (input: { dimension: number; base?: string | undefined }) => Promise<void>
  add: (input: { revs: BigUint64Array; vectors: Float32Array }) => Promise<void>
  /** On disk when it resolves. */
  finish: (file: string) => Promise<{ size: number; sizeBytes: number; sha256: string }>
  sha256: (file: string) => Promise<string>
  /** Resolves when nothing runs any more. */
  settle: () => Promise<void>
}

/** The other half of the machine is for those who use it. */
const threads = Math.max(1, availableParallelism() >> 1)

let graph: GrowingGraph | undefined

function begun(): GrowingGraph {
  if (graph === undefined) throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'no graph was begun' })
  return graph
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

let beginning: Promise<void> = Promise.resolve()

async function begin({ dimension, base }: { dimension: number; base?: string | undefined }): Promise<void> {
  const engine = await loadVectorEngine()
  if (engine === undefined) throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'usearch is not here' })
  graph = engine.grow(dimension, base)
}

/** All native work but the loading of the engine happens in one turn of the thread. */
const methods: GraphMethods = {
  begin: (input) => {
    beginning = begin(input)
    return beginning
  },
  settle: () => beginning.catch(() => undefined),
  add: async ({ revs, vectors }) => begun().add(revs, vectors, threads),
  finish: async (file) => {
    const temporary = `${file}.tmp`
    begun().save(temporary)
    const handle = openSync(temporary, 'r+')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(temporary, file)
    const { size } = begun()
    graph = undefined
    return { size, sizeBytes: statSync(file).size, sha256: await sha256Of(file) }
  },
  sha256: sha256Of,
}

if (parentPort !== null) servePort(messagePort(parentPort), methods)
