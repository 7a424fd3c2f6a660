/** Which DHT keys this node stands behind: the catalogue, each model, and components where it holds a part of one. */
import { dhtKeysMax } from '#protocol/limits.ts'
import { catalogueKey, componentKey } from '#protocol/model/index.ts'
import { componentIndexVersion, groupComponents } from '../ingest/index.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import type { Shard, ShardModel } from '../swarm/index.ts'

/** Changes are collected this long: a fetch gains chunks many times per second. */
const announceDelayMs = 200

export class Announcer {
  readonly #network: Network
  readonly #shard: Shard
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #announced = ''

  constructor(network: Network, shard: Shard, log: Log) {
    this.#network = network
    this.#shard = shard
    this.#log = log
  }

  start(): void {
    this.#shard.on('added', () => this.#schedule())
    this.#shard.on('removed', () => this.#schedule())
    this.#shard.on('gained', () => this.#schedule())
    this.#shard.on('lost', () => this.#schedule())
    this.#schedule()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      const keys = announcedKeys(this.#shard.list())
      // Most gains change no key: the model is announced from its first moment here, as a torrent's leechers are.
      if (keys.join() === this.#announced) return
      this.#announced = keys.join()
      this.#network
        .announce(keys)
        .catch((error: unknown) => this.#log.warn('announce-failed', { error: String(error) }))
    }, announceDelayMs)
  }
}

/** At most `dhtKeysMax`: the catalogue and all models first, then components, which also are found through their model. */
export function announcedKeys(models: readonly ShardModel[]): string[] {
  const keys = [catalogueKey(), ...models.map((model) => model.modelId)]
  for (const model of models) {
    if (keys.length >= dhtKeysMax) break
    if (model.held.isEmpty() || model.held.isFull()) continue
    keys.push(...heldComponentKeys(model))
  }
  return [...new Set(keys)].slice(0, dhtKeysMax)
}

function heldComponentKeys(model: ShardModel): string[] {
  const missingExtents = new Set<string>()
  for (const place of model.places)
    if (!model.held.has(place.chunkIndex)) missingExtents.add(`${place.fileIndex}/${place.extentIndex}`)
  const keys = new Set<string>()
  for (const { kind, layer, extents } of groupComponents(model.content.files).components) {
    if (extents.some(([file, extent]) => missingExtents.has(`${file}/${extent}`))) continue
    keys.add(
      componentKey({
        indexVersion: componentIndexVersion,
        modelId: model.modelId,
        kind,
        ...(layer === undefined ? {} : { layer }),
      }),
    )
  }
  return [...keys]
}
