/** Releases: ours are signed here, those of others are learnt by reading the catalogues of peers. */
import { isDeepStrictEqual } from 'node:util'
import {
  catalogueProtocol,
  decodeCatalogueRequest,
  decodeCatalogueResponse,
  encodeCatalogueRequest,
  encodeCatalogueResponse,
} from '#protocol/catalogue/index.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { type ModelId, type PeerId, tryParseModelId } from '#protocol/ids.ts'
import { controlRequestTimeoutMs, releasesKnownMax, releasesPerPageMax, releasesPerPeerMax } from '#protocol/limits.ts'
import { decodeRelease, encodeRelease, releaseSigningBytes } from '#protocol/model/index.ts'
import type { Release, SignedRelease } from '#protocol/model/release.ts'
import { minute } from '#protocol/units.ts'
import type { ReleaseRow, TenantStore } from '#sql/store/types.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import { serveRequests } from './serve.ts'

const pagesPerVisitMax = Math.ceil(releasesPerPeerMax / releasesPerPageMax)
/** A visit as a whole: a peer that answers each page just in time must not keep us for minutes. */
const visitTimeoutMs = minute
/** Releases that bear one name, looked through for the one that is meant. */
const namesakesMax = 1000

export interface ReleaseBookDependencies {
  network: Network
  store: TenantStore
  now: () => number
  log: Log
  onNew: (release: Release) => void
  /** Publishers that the owner named: their names go before those of strangers. */
  isTrusted?: (publisher: PeerId) => boolean
}

/** Where the next visit of a peer goes on. */
interface Visited {
  sinceMs: number
  cursor: Uint8Array
}

export class ReleaseBook {
  readonly #deps: ReleaseBookDependencies
  /** By the peer's clock; at most `releasesKnownMax` peers, oldest out. */
  readonly #visited = new Map<PeerId, Visited>()

  constructor(deps: ReleaseBookDependencies) {
    this.#deps = deps
  }

  serve(): Promise<void> {
    const { network, store, now } = this.#deps
    return serveRequests(network, catalogueProtocol, async (bytes) => {
      const request = decodeCatalogueRequest(bytes)
      const cursor = Buffer.from(request.cursor).toString('latin1')
      const page = await store.listReleases({
        sinceMs: request.sinceMs,
        limit: releasesPerPageMax,
        ...(cursor === '' ? {} : { cursor }),
      })
      const releases = page.releases.map((row) => ({ bytes: row.bytes, signature: row.signature }))
      return encodeCatalogueResponse({
        nowMs: now(),
        releases,
        nextCursor: Buffer.from(page.nextCursor ?? '', 'latin1'),
      })
    })
  }

  /** Every release that is known, in the order of arrival: `releasesKnownMax` at most. */
  async all(): Promise<ReleaseRow[]> {
    const rows: ReleaseRow[] = []
    let cursor: string | undefined
    do {
      const page = await this.#deps.store.listReleases({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
      rows.push(...page.releases)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    return rows
  }

  /** Signs and keeps a release of our own. */
  async publish(release: Omit<Release, 'publisher' | 'createdAtMs'>): Promise<SignedRelease> {
    const { network, store, now } = this.#deps
    // Said before: a new signature would only move the release to the end of every list.
    const known = await this.#ownRelease(release)
    if (known !== undefined) return known
    const whole: Release = { ...release, publisher: network.peerId, createdAtMs: now() }
    const bytes = encodeRelease(whole)
    const signed = { release: whole, bytes, signature: await network.sign(releaseSigningBytes(bytes)) }
    await store.putRelease(signed, network.peerId, { isOwn: true })
    this.#deps.onNew(whole)
    return signed
  }

  /**
   * Reads a peer's catalogue, only what is new since the last visit; returns how many releases were new to us. A release
   * with a bad signature ends the visit: its signature covers what that peer passed on knowingly.
   */
  async visit(peerId: PeerId, signal: AbortSignal): Promise<number> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(visitTimeoutMs)])
    const from = this.#visited.get(peerId) ?? { sinceMs: 0, cursor: new Uint8Array() }
    let { cursor } = from
    let news = 0
    for (let page = 0; page < pagesPerVisitMax; page++) {
      const frame = encodeCatalogueRequest({ cursor, sinceMs: from.sinceMs })
      const answer = await this.#deps.network.request(peerId, catalogueProtocol.id, frame, {
        frameBytesMax: catalogueProtocol.frameBytesMax,
        signal: AbortSignal.any([limit, AbortSignal.timeout(controlRequestTimeoutMs)]),
      })
      const response = decodeCatalogueResponse(answer)
      for (const { bytes, signature } of response.releases) if (await this.#learn(bytes, signature, peerId)) news++
      cursor = response.nextCursor
      // What lies beyond the pages of this visit is read at the next one: spam must not hide what comes after it.
      const next = cursor.length === 0 ? { sinceMs: response.nowMs, cursor } : { sinceMs: from.sinceMs, cursor }
      this.#remember(peerId, next)
      if (cursor.length === 0) break
    }
    return news
  }

  /**
   * The release that a person means by a model id or a name. Anybody may publish under any name, so a name goes first to our
   * own release, then to a model that the owner ingested or pulled, then to a publisher whom the owner named, and else to
   * whoever was known first: nobody takes a name over from outside.
   * @throws {ERR_NOT_FOUND}
   */
  async resolve(text: string): Promise<ReleaseRow> {
    const modelId = tryParseModelId(text)
    const { store } = this.#deps
    const filter = modelId === undefined ? { name: text } : { modelId }
    const { releases } = await store.listReleases({ ...filter, limit: namesakesMax })
    const found = await this.#preferred(releases)
    if (found !== undefined) return found
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: text.slice(0, 200) })
  }

  async releaseOf(modelId: ModelId): Promise<ReleaseRow | undefined> {
    const { releases } = await this.#deps.store.listReleases({ modelId })
    return this.#preferred(releases)
  }

  forget(peerId: PeerId): void {
    this.#visited.delete(peerId)
  }

  async #preferred(rows: readonly ReleaseRow[]): Promise<ReleaseRow | undefined> {
    let best: { row: ReleaseRow; rank: number } | undefined
    for (const row of rows) {
      const rank = await this.#rank(row)
      if (best === undefined || rank < best.rank) best = { row, rank }
      if (rank === 0) break
    }
    return best?.row
  }

  async #rank({ isOwn, release }: ReleaseRow): Promise<number> {
    if (isOwn || release.publisher === this.#deps.network.peerId) return 0
    const model = await this.#deps.store.getModel(release.modelId)
    if (model !== undefined && (model.isPinned || model.origin === 'ingest')) return 1
    return this.#deps.isTrusted?.(release.publisher) === true ? 2 : 3
  }

  async #ownRelease(draft: Omit<Release, 'publisher' | 'createdAtMs'>): Promise<ReleaseRow | undefined> {
    const { network, store } = this.#deps
    const { releases } = await store.listReleases({ modelId: draft.modelId, name: draft.name })
    return releases.find(({ isOwn, release }) => {
      const { publisher, createdAtMs: _, ...said } = release
      return isOwn && publisher === network.peerId && isDeepStrictEqual(said, draft)
    })
  }

  #remember(peerId: PeerId, visited: Visited): void {
    this.#visited.delete(peerId)
    this.#visited.set(peerId, visited)
    if (this.#visited.size > releasesKnownMax) this.#visited.delete(this.#visited.keys().next().value!)
  }

  async #learn(bytes: Uint8Array, signature: Uint8Array, peerId: PeerId): Promise<boolean> {
    try {
      const signed = decodeRelease(bytes, signature)
      // One of ours comes back after the database was lost: it is as much ours as before.
      const isOwn = signed.release.publisher === this.#deps.network.peerId
      const isNew = await this.#deps.store.putRelease(signed, peerId, { isOwn })
      if (isNew) this.#deps.onNew(signed.release)
      return isNew
    } catch (error) {
      if (isHartonomousError(error, 'ERR_DECODE')) {
        throw new HartonomousError(
          'ERR_PEER_PROTOCOL',
          { peer: peerId, reason: `catalogue: ${error.message}` },
          { cause: error },
        )
      }
      throw error
    }
  }
}
