/** Releases: ours are signed here, those of others are learnt by reading the catalogues of peers. */
import {
  catalogueProtocol,
  decodeCatalogueRequest,
  decodeCatalogueResponse,
  encodeCatalogueRequest,
  encodeCatalogueResponse,
} from '#protocol/catalogue/index.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { type ModelId, type PeerId, tryParseModelId } from '#protocol/ids.ts'
import { controlRequestTimeoutMs, releasesPerPageMax, releasesPerPeerMax } from '#protocol/limits.ts'
import { decodeRelease, encodeRelease, releaseSigningBytes } from '#protocol/model/index.ts'
import type { Release, SignedRelease } from '#protocol/model/release.ts'
import type { ReleaseRow, TenantStore } from '#sql/store/types.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import { serveRequests } from './serve.ts'

const pagesPerVisitMax = Math.ceil(releasesPerPeerMax / releasesPerPageMax)

export interface ReleaseBookDependencies {
  network: Network
  store: TenantStore
  now: () => number
  log: Log
  onNew: (release: Release) => void
}

export class ReleaseBook {
  readonly #deps: ReleaseBookDependencies
  /** The peer's clock at our last complete visit. */
  readonly #visitedAt = new Map<PeerId, number>()

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

  /** Signs and keeps a release of our own. */
  async publish(release: Omit<Release, 'publisher' | 'createdAtMs'>): Promise<SignedRelease> {
    const { network, store, now } = this.#deps
    const whole: Release = { ...release, publisher: network.peerId, createdAtMs: now() }
    const bytes = encodeRelease(whole)
    const signed = { release: whole, bytes, signature: await network.sign(releaseSigningBytes(bytes)) }
    await store.putRelease(signed, network.peerId)
    this.#deps.onNew(whole)
    return signed
  }

  /**
   * Reads a peer's catalogue, only what is new since the last visit; returns how many releases were new to us. A release
   * with a bad signature ends the visit: its signature covers what that peer passed on knowingly.
   */
  async visit(peerId: PeerId, signal: AbortSignal): Promise<number> {
    let cursor: Uint8Array = new Uint8Array()
    let news = 0
    let nowMs = 0
    for (let page = 0; page < pagesPerVisitMax; page++) {
      const frame = encodeCatalogueRequest({ cursor, sinceMs: this.#visitedAt.get(peerId) ?? 0 })
      const answer = await this.#deps.network.request(peerId, catalogueProtocol.id, frame, {
        frameBytesMax: catalogueProtocol.frameBytesMax,
        signal: AbortSignal.any([signal, AbortSignal.timeout(controlRequestTimeoutMs)]),
      })
      const response = decodeCatalogueResponse(answer)
      for (const { bytes, signature } of response.releases) if (await this.#learn(bytes, signature, peerId)) news++
      nowMs = response.nowMs
      cursor = response.nextCursor
      if (cursor.length === 0) break
    }
    this.#visitedAt.set(peerId, nowMs)
    return news
  }

  /**
   * The releases that a person may mean: a model id, a name, or the beginning of one that is unique.
   * @throws {ERR_NOT_FOUND}
   */
  async resolve(text: string): Promise<ReleaseRow> {
    const modelId = tryParseModelId(text)
    const { store } = this.#deps
    const { releases } = await store.listReleases(modelId === undefined ? { name: text } : { modelId })
    const found = releases[0]
    if (found !== undefined) return found
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: text.slice(0, 200) })
  }

  async releaseOf(modelId: ModelId): Promise<ReleaseRow | undefined> {
    const { releases } = await this.#deps.store.listReleases({ modelId })
    return releases[0]
  }

  forget(peerId: PeerId): void {
    this.#visitedAt.delete(peerId)
  }

  async #learn(bytes: Uint8Array, signature: Uint8Array, peerId: PeerId): Promise<boolean> {
    try {
      const signed = decodeRelease(bytes, signature)
      const isNew = await this.#deps.store.putRelease(signed, peerId)
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
