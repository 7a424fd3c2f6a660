/** Sells chunks: the data plane counts and carries, the sale decides how many bytes may be served. */
import { createHash } from 'node:crypto'
import type { PeerId } from '#protocol/ids.ts'
import { modelOfTopic } from '#protocol/payment/index.ts'
import type { DataPlane, ServedFigures } from '../chunks/types.ts'
import { Sale, type SellerDependencies, type SoldWork } from './sale.ts'
import { chunkUnit } from './unit.ts'

export interface ChunkSales extends SellerDependencies {
  dataPlane: Pick<DataPlane, 'on' | 'setSelling' | 'setCredit' | 'sendToBuyer'>
  /** Of this node, for receipts. */
  build: string
}

interface OpenSale {
  sale: Sale
  openedAtMs: number
}

/** Resolves to what ends it. Bytes without a price need no credit, but a buyer that asks gets its receipt. */
export async function sellChunks(deps: ChunkSales): Promise<() => void> {
  const { dataPlane, now } = deps
  const sales = new Map<number, OpenSale>()
  const saleOf = (sessionId: number, peerId: PeerId): OpenSale => {
    const known = sales.get(sessionId)
    if (known !== undefined) return known
    const session = {
      peerId,
      unit: chunkUnit,
      send: (message: Uint8Array) => void dataPlane.sendToBuyer(sessionId, message).catch(() => undefined),
      onCredit: (bytes: number) => void dataPlane.setCredit(sessionId, bytes).catch(() => undefined),
      // Without credit the data plane refuses by itself.
      onStop: () => undefined,
    }
    const open = { sale: new Sale(session, deps), openedAtMs: now() }
    sales.set(sessionId, open)
    return open
  }
  const stops = [
    dataPlane.on('sale-open', ({ sessionId, peerId }) => void saleOf(sessionId, peerId)),
    dataPlane.on('sale-message', (message) => {
      const open = saleOf(message.sessionId, message.peerId)
      try {
        open.sale.done(message.servedBytes)
        if (open.sale.receive(message.body) === 'finish') void finish(deps, open, message)
      } catch {
        void open.sale.end('a message that is none')
      }
    }),
    dataPlane.on('sale-progress', ({ sessionId, servedBytes, isWaiting }) => {
      const sale = sales.get(sessionId)?.sale
      sale?.done(servedBytes)
      if (isWaiting) sale?.wait()
    }),
    dataPlane.on('sale-end', (figures) => {
      const open = sales.get(figures.sessionId)
      sales.delete(figures.sessionId)
      if (open !== undefined) void end(deps, open, figures)
    }),
  ]
  await dataPlane.setSelling(deps.terms().prices.weiPerGiB > 0n)
  return () => {
    for (const stop of stops) stop()
  }
}

async function finish(deps: ChunkSales, open: OpenSale, served: ServedFigures): Promise<void> {
  const work = await workOf(deps, open, served)
  if (work !== undefined) await open.sale.finish(work)
}

async function end(deps: ChunkSales, open: OpenSale, served: ServedFigures & { reason: string }): Promise<void> {
  open.sale.done(served.servedBytes)
  await open.sale.end(served.reason, await workOf(deps, open, served))
}

/** Undefined where the buyer never said who it is. */
async function workOf(
  { build, now }: ChunkSales,
  { sale, openedAtMs }: OpenSale,
  { servedBytes, transcript }: ServedFigures,
): Promise<SoldWork | undefined> {
  const opened = await sale.opened
  if (opened === undefined) return undefined
  const { topic, job } = opened
  return {
    modelId: modelOfTopic(topic),
    units: servedBytes,
    input: chunkInputHash(topic, job),
    output: transcript,
    promptTokens: 0,
    completionTokens: 0,
    durationMs: Math.max(0, now() - openedAtMs),
    build,
  }
}

/** What a fetch of chunks is a receipt for: which bytes were sent is in the output. */
export function chunkInputHash(topic: Uint8Array, job: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update('hartonomous/chunk-input/1').update(topic).update(job).digest())
}
