/** What is known of the swarm while it runs, from the events of its nodes. Pure: the view draws it. */
import type { StampedEvent, TransferView } from '#protocol/api/control.ts'

export interface ModelProgress {
  modelId: string
  sizeBytes: number
  chunkCount: number
  /** Per chunk. */
  held: Uint8Array
  heldChunks: number
}

export interface NodeProgress {
  index: number
  role: string
  pid: number
  peerId: string
  state: 'starting' | 'joined' | 'ready'
  models: Map<string, ModelProgress>
  transfers: Map<string, TransferView>
  /** Models that this node holds whole. */
  complete: Set<string>
  uploadBytesPerSecond: number
  uploadedBytes: number
  /** By vouchers that came. */
  earnedWei: bigint
  /** The first chunks that came, in order, to see that nodes begin with different ones. */
  firstChunks: number[]
}

const firstChunksKept = 12

export class Board {
  readonly nodes: NodeProgress[] = []
  readonly #names = new Map<string, string>()
  readonly #guests = new Map<string, string>()

  ordered(): NodeProgress[] {
    return [...this.nodes].sort((a, b) => a.index - b.index)
  }

  /** What somebody in the swarm holds or fetches, each once, in an order that stays. */
  models(): { modelId: string; name: string; sizeBytes: number; chunkCount: number }[] {
    const known = new Map<string, { modelId: string; name: string; sizeBytes: number; chunkCount: number }>()
    for (const { models } of this.nodes) {
      for (const { modelId, sizeBytes, chunkCount } of models.values())
        known.set(modelId, { modelId, sizeBytes, chunkCount, name: this.#names.get(modelId) ?? 'a model' })
    }
    return [...known.values()].sort((a, b) => a.modelId.localeCompare(b.modelId))
  }

  add(index: number, role: string, pid: number): NodeProgress {
    const node: NodeProgress = {
      index,
      role,
      pid,
      peerId: '',
      state: 'starting',
      models: new Map(),
      transfers: new Map(),
      complete: new Set(),
      uploadBytesPerSecond: 0,
      uploadedBytes: 0,
      earnedWei: 0n,
      firstChunks: [],
    }
    this.nodes.push(node)
    return node
  }

  /** `1` to `5`, the name of a guest, or the short id of a peer that is none of ours. */
  label(peerId: string): string {
    const node = this.nodes.find((candidate) => candidate.peerId === peerId)
    return node === undefined ? (this.#guests.get(peerId) ?? peerId.slice(-6)) : String(node.index)
  }

  /** Somebody who is none of the nodes. */
  introduce(peerId: string, label: string): void {
    this.#guests.set(peerId, label)
  }

  apply(node: NodeProgress, event: StampedEvent): void {
    switch (event.event) {
      case 'ready':
        node.state = 'joined'
        node.peerId = event.peerId
        return
      case 'release':
        this.#names.set(event.modelId, event.name)
        return
      case 'model-added':
        node.models.set(event.modelId, {
          modelId: event.modelId,
          sizeBytes: event.sizeBytes,
          chunkCount: event.chunkCount,
          held: new Uint8Array(event.chunkCount).fill(event.heldChunks === event.chunkCount ? 1 : 0),
          heldChunks: event.heldChunks,
        })
        if (event.heldChunks === event.chunkCount) node.complete.add(event.modelId)
        return
      case 'chunks-gained': {
        const model = node.models.get(event.modelId)
        if (model === undefined) return
        for (const index of event.chunkIndexes) {
          model.held[index] = 1
          if (node.firstChunks.length < firstChunksKept) node.firstChunks.push(index)
        }
        model.heldChunks = event.heldChunks
        return
      }
      case 'transfer-progress':
        node.transfers.set(event.modelId, event)
        return
      case 'transfer-complete':
        node.transfers.set(event.modelId, event)
        node.complete.add(event.modelId)
        return
      case 'upload-progress':
        node.uploadBytesPerSecond = event.bytesPerSecond
        node.uploadedBytes = event.totalBytes
        return
      case 'voucher':
        if (event.side === 'sale') node.earnedWei += BigInt(event.addedWei)
        return
      default:
    }
  }
}
