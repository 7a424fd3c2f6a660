/** The model query engine of a node: its own store, the models it knows of, and what its peers say. */
import type { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { queryPeersMax, queryRowsMax, queryTotalRowsMax, sourcesPerFetchMax } from '#protocol/limits.ts'
import type { Query, QueryHit } from '#protocol/query/message.ts'
import { MiB, second } from '#protocol/units.ts'
import {
  assertRunnable,
  type Closure,
  type ClosureScope,
  closure,
  type Execution,
  executionOf,
  explainPlan,
  find,
  findLike,
  type Like,
  parseQuery,
  type Walk,
  type WalkOptions,
  walk,
  wordWeight,
} from '#sql/query/index.ts'
import { indexedTerm, wordTerm } from '#sql/store/search-terms.ts'
import type { TenantStore } from '#sql/store/types.ts'
import type { DataPlane } from '../chunks/types.ts'
import type { Library } from '../library/index.ts'
import type { Network } from '../network/types.ts'
import { structuralSpace } from '../peek/index.ts'
import { followHave, type LeaseTable, type Shard, type ShardModel } from '../swarm/index.ts'
import { askPeers, type PeerAnswer } from './ask.ts'
import { type LoadedChunk, load } from './load.ts'
import { type LoadPlan, planLoad } from './load-plan.ts'
import { serveQueries } from './serve.ts'
import { indexStructure, type PeekStructure, structureOf } from './structure-index.ts'

export interface QueryDependencies {
  network: Network
  store: TenantStore
  shard: Shard
  library: Library
  leases: LeaseTable
  dataPlane: DataPlane
  /** The owner's policy on questions of peers. */
  isShared: () => boolean
  /** Looks into files, in a thread of its own. */
  peek: PeekStructure
}

export interface FindRequest {
  text: string
  /** 100 unless given, `queryTotalRowsMax` at most. */
  limit?: number
  /** `local`: this node's store only. */
  scope?: 'local' | 'swarm'
}

export interface FoundRow extends QueryHit {
  /** Other nodes that say that they hold some of the model. */
  holders: number
  /** Peers that answered with it; empty where only this node has the model. */
  peers: PeerId[]
  /** False: a peer says so, and the model's content block was not read here yet. */
  isChecked: boolean
}

export interface Found {
  rows: FoundRow[]
  isTruncated: boolean
  explain: string[]
  /** Who was asked, and what went wrong with whom. */
  asked: { peerId: PeerId; rows: number; error?: string }[]
}

/** Reading and hashing on one thread of an ordinary machine; only for the estimate of a plan. */
const localBytesPerSecond = 400 * MiB
/** A peer that is slow to say what it holds is left out of the plan; the transfer itself waits longer. */
const haveTimeoutMs = 3 * second

export class QueryService {
  readonly #deps: QueryDependencies
  /** Smoothed over the transfers that were seen. */
  #peersBytesPerSecond: number | undefined

  constructor(deps: QueryDependencies) {
    this.#deps = deps
    deps.dataPlane.on('fetch-progress', ({ bytesPerSecond }) => {
      if (bytesPerSecond > 0) this.#notePeersRate(bytesPerSecond)
    })
  }

  #notePeersRate(bytesPerSecond: number): void {
    const known = this.#peersBytesPerSecond
    this.#peersBytesPerSecond = known === undefined ? bytesPerSecond : 0.8 * known + 0.2 * bytesPerSecond
  }

  async serve(): Promise<void> {
    const { network, store, isShared } = this.#deps
    // Some at a time: the store answers others in between.
    while ((await store.indexModels(8)) > 0);
    await serveQueries(network, store, isShared)
  }

  /**
   * Models that the query names are looked up in the swarm and opened: their content blocks answer everything but metadata and
   * words, for which their headers are fetched. Without a name, peers are asked as well.
   * @throws {ERR_QUERY_INVALID} {ERR_NOT_FOUND} {ERR_NO_SOURCE}
   */
  async find(request: FindRequest, signal: AbortSignal): Promise<Found> {
    const parsed = parseQuery(request.text)
    const limit = Math.min(request.limit ?? 100, queryTotalRowsMax)
    const models = await Promise.all(parsed.models.map((name) => this.open(name, signal)))
    if (parsed.query.meta.length > 0 || parsed.query.words.length > 0)
      await Promise.all(models.map((model) => this.#deps.library.describe(model, signal)))
    const query: Query = { ...parsed.query, modelIds: models.map(({ modelId }) => modelId) }
    const isFew = (modelId: ModelId) =>
      parsed.holdersBelow === undefined || this.#holders(modelId) < parsed.holdersBelow
    const { hits, isTruncated, explain } = await this.#findHere(query, limit, isFew)
    // All there is to know of a named model is here by now.
    const like = parsed.like && (await this.#likeOf(parsed.like, models, signal))
    if (like !== undefined) return this.#findLike(query, like, limit, isFew, request.scope !== 'local', signal)
    const isAsking = request.scope !== 'local' && models.length === 0
    const answers = isAsking ? await askPeers(this.#deps.network, this.#peersToAsk(), query, limit, signal) : []
    const rows = await this.#merge(hits, answers, query, isFew)
    return {
      rows: rows.slice(0, limit),
      isTruncated: isTruncated || rows.length > limit || answers.some(({ isPartial, error }) => isPartial && !error),
      explain,
      asked: toldBy(answers),
    }
  }

  /** The model with its content, from here or from the swarm; of its files nothing is fetched. */
  async open(reference: string, signal: AbortSignal): Promise<ShardModel> {
    const { shard, library } = this.#deps
    const known = shard.get(reference as ModelId)
    return known ?? library.open((await library.find(reference, signal)).release, signal)
  }

  async walk(reference: string, keys: readonly string[], options: WalkOptions, signal: AbortSignal): Promise<Walk> {
    const { modelId } = await this.open(reference, signal)
    const found = await walk(this.#deps.store, modelId, keys, options)
    return found
  }

  closure(modelId: ModelId, keys: readonly string[], scope: ClosureScope): Promise<Closure> {
    return closure(this.#deps.store, modelId, keys, scope)
  }

  async execution(modelId: ModelId, keys: readonly string[]): Promise<Execution> {
    return executionOf(keys, await this.closure(modelId, keys, 'whole'))
  }

  /** @throws {ERR_PARTIAL_INEXACT} */
  async assertRunnable(modelId: ModelId, keys: readonly string[]): Promise<void> {
    assertRunnable(keys, await this.closure(modelId, keys, 'whole'))
  }

  /** @throws {ERR_NOT_FOUND} for components that the model does not have */
  async planLoad(modelId: ModelId, keys: readonly string[], signal: AbortSignal): Promise<LoadPlan> {
    const { shard, library, store } = this.#deps
    const model = shard.get(modelId) ?? (await library.open((await library.find(modelId, signal)).release, signal))
    const wanted = new Set(keys)
    const components = (await store.findComponents({ modelId })).filter(({ key }) => wanted.delete(key))
    for (const id of wanted) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'component', id })
    return planLoad(model, components, await this.#haves(model, signal), {
      localBytesPerSecond,
      peersBytesPerSecond: this.#peersBytesPerSecond,
    })
  }

  /** Verified bytes in the order of the plan; what comes from peers stays in the shard. */
  async *load(plan: LoadPlan, signal: AbortSignal): AsyncGenerator<LoadedChunk> {
    const startedAtMs = performance.now()
    yield* load(plan, this.#deps, signal)
    const peerBytes = plan.sizeBytes - plan.localBytes
    if (peerBytes > 0) this.#notePeersRate((peerBytes * second) / Math.max(1, performance.now() - startedAtMs))
  }

  /**
   * The vector of a component that is here, and before it those of all components that are here and have none yet: each file
   * is read once for it.
   */
  async #likeOf(
    { model: reference, key }: { model: string; key: string },
    models: readonly ShardModel[],
    signal: AbortSignal,
  ): Promise<Like> {
    const { store, shard, peek } = this.#deps
    const model = await this.open(reference, signal)
    const [component] = await store.findComponents({ modelId: model.modelId, key })
    if (component === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'component', id: key })
    for (const one of models.length > 0 ? models : shard.list()) await indexStructure(one, store, peek, signal)
    const [found] = await structureOf(model, [component], peek, signal)
    if (found === undefined || 'reason' in found)
      throw new HartonomousError('ERR_QUERY_INVALID', {
        reason: `${key} cannot be compared: ${found?.reason ?? 'its bytes are not here'}`,
      })
    return { space: structuralSpace, vector: found.vector }
  }

  async #findLike(
    query: Query,
    like: Like,
    limit: number,
    accepts: (modelId: ModelId) => boolean,
    isAsking: boolean,
    signal: AbortSignal,
  ): Promise<Found> {
    const { store, network } = this.#deps
    const hits = await findLike(store, query, like, limit, accepts)
    const peerIds = isAsking && query.modelIds.length === 0 ? this.#peersToAsk() : []
    const answers = await askPeers(network, peerIds, query, limit, signal, like)
    const rows = this.#gather(hits, answers, query, accepts)
    return {
      rows: [...rows.values()].sort((a, b) => (b.score ?? 0) - (a.score ?? 0)).slice(0, limit),
      isTruncated: rows.size > limit,
      explain: [`nearest in the space ${like.space}: alike in values, which says nothing of meaning`],
      asked: toldBy(answers),
    }
  }

  async #findHere(query: Query, limit: number, accepts: (modelId: ModelId) => boolean) {
    const hits: QueryHit[] = []
    let explain: string[] | undefined
    for (let cursor: string | undefined; ; ) {
      const page = await find(this.#deps.store, query, {
        limit: Math.min(queryRowsMax, limit - hits.length),
        accepts,
        ...(cursor === undefined ? {} : { cursor }),
      })
      explain ??= explainPlan(page.plan)
      hits.push(...page.hits)
      cursor = page.nextCursor
      if (cursor === undefined || hits.length >= limit) return { hits, isTruncated: cursor !== undefined, explain }
    }
  }

  #holders(modelId: ModelId): number {
    const here = this.#deps.shard.get(modelId)?.held.isEmpty() === false ? 1 : 0
    return here + this.#otherHolders(modelId)
  }

  #otherHolders(modelId: ModelId): number {
    return this.#deps.leases.holders(modelId).filter(({ share }) => share > 0).length
  }

  #peersToAsk(): PeerId[] {
    const live = this.#deps.leases.live().map(({ signed }) => signed.lease)
    return live
      .filter(({ models }) => models.length > 0)
      .map((lease) => ({ peerId: lease.peerId, at: Math.random() }))
      .sort((a, b) => a.at - b.at)
      .slice(0, queryPeersMax)
      .map(({ peerId }) => peerId)
  }

  /** In the order of `find`. Words are weighed by this node: weights of others cannot be compared with its own. */
  async #merge(
    own: readonly QueryHit[],
    answers: readonly PeerAnswer[],
    query: Query,
    accepts: (modelId: ModelId) => boolean,
  ): Promise<FoundRow[]> {
    const rows = this.#gather(own, answers, query, accepts)
    const weigh = await this.#weights(query.words)
    return [...rows.values()].sort(
      (a, b) =>
        weigh(b.words) - weigh(a.words) ||
        b.words.length - a.words.length ||
        compare(String(a.words), String(b.words)) ||
        compare(a.modelId, b.modelId) ||
        compare(a.key, b.key),
    )
  }

  /** Each component once, by model and key. */
  #gather(
    own: readonly QueryHit[],
    answers: readonly PeerAnswer[],
    query: Query,
    accepts: (modelId: ModelId) => boolean,
  ): Map<string, FoundRow> {
    const rows = new Map<string, FoundRow>()
    for (const hit of own)
      rows.set(`${hit.modelId}/${hit.key}`, {
        ...hit,
        holders: this.#otherHolders(hit.modelId),
        peers: [],
        isChecked: true,
      })
    for (const { peerId, hits } of answers) {
      for (const hit of hits) {
        const id = `${hit.modelId}/${hit.key}`
        const known = rows.get(id)
        if (known !== undefined) known.peers.push(peerId)
        // What this node can judge itself is not taken from others; nor is what they were not asked for. How near something is
        // can be judged only where its bytes are.
        else if (
          (hit.score !== undefined || this.#deps.shard.get(hit.modelId) === undefined) &&
          accepts(hit.modelId) &&
          isOfQuery(hit, query)
        )
          rows.set(id, {
            ...hit,
            heldBytes: 0,
            holders: this.#otherHolders(hit.modelId),
            peers: [peerId],
            isChecked: false,
          })
      }
    }
    return rows
  }

  async #weights(words: readonly string[]): Promise<(words: readonly string[]) => number> {
    const { store } = this.#deps
    const models = words.length === 0 ? 0 : await store.countTerm(indexedTerm)
    const weights = new Map<string, number>()
    for (const word of words) weights.set(word, wordWeight(models, await store.countTerm(wordTerm(word))))
    return (found) => words.reduce((sum, word) => sum + (found.includes(word) ? weights.get(word)! : 0), 0)
  }

  /** What peers hold of a model, as far as they say so soon. */
  async #haves(model: ShardModel, signal: AbortSignal): Promise<Map<PeerId, Bitfield>> {
    const { leases, network } = this.#deps
    if (model.held.isFull()) return new Map()
    const soon = AbortSignal.any([signal, AbortSignal.timeout(haveTimeoutMs)])
    const holders = leases.holders(model.modelId).filter(({ share }) => share > 0)
    const told = await Promise.allSettled(
      holders.slice(0, sourcesPerFetchMax).map(async ({ lease: { peerId } }) => {
        for await (const have of followHave(network, peerId, model.modelId, model.places.length, soon))
          return [peerId, have] as const
        return undefined
      }),
    )
    return new Map(told.flatMap((result) => (result.status === 'fulfilled' && result.value ? [result.value] : [])))
  }
}

function toldBy(answers: readonly PeerAnswer[]): Found['asked'] {
  return answers.map(({ peerId, hits, error }) => ({
    peerId,
    rows: hits.length,
    ...(error === undefined ? {} : { error }),
  }))
}

/** A peer may answer with anything: what can be judged by the row itself is. */
function isOfQuery(hit: QueryHit, { kinds, layers, experts, sizeBytes, words }: Query): boolean {
  const within = (value: number | undefined, range: Query['layers']) =>
    range === undefined ||
    (value !== undefined && value >= (range.min ?? 0) && value <= (range.max ?? Number.MAX_SAFE_INTEGER))
  return (
    (kinds.length === 0 || kinds.includes(hit.kind)) &&
    within(hit.layer, layers) &&
    within(hit.expert, experts) &&
    within(hit.sizeBytes, sizeBytes) &&
    (words.length === 0
      ? hit.words.length === 0
      : hit.words.length > 0 && hit.words.every((word) => words.includes(word)))
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
