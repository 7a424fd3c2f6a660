/** A seed of the multi-source bench: the product's data plane in a process of its own, told what to do over IPC. */
import { startDataPlane, type TransferModel } from '#node/chunks/index.ts'
import type { PeerId } from '#protocol/ids.ts'

export type SeedRequest =
  | { type: 'start'; uploadBytesPerSecond: number; model: TransferModel }
  | { type: 'offer'; peerId: PeerId; certificateSha256: string }
  | { type: 'cap'; uploadBytesPerSecond: number }
  | { type: 'stop' }

export interface SeedOffer {
  host: string
  port: number
  certificateSha256: string
  token: Uint8Array
}

let plane: Awaited<ReturnType<typeof startDataPlane>> | undefined

async function handle(request: SeedRequest): Promise<SeedOffer | null> {
  if (request.type === 'start') {
    const { uploadBytesPerSecond, model } = request
    plane = await startDataPlane({ listenHost: '127.0.0.1', listenPort: 0, uploadBytesPerSecond })
    await plane.addModel(model)
  } else if (request.type === 'offer') {
    const token = await plane!.issueToken(request.peerId, request.certificateSha256)
    return { ...plane!.endpoint, token }
  } else if (request.type === 'cap') {
    await plane!.setCaps({ uploadBytesPerSecond: request.uploadBytesPerSecond })
  } else {
    await plane?.close()
    process.disconnect()
  }
  return null
}

process.on('message', (request: SeedRequest) => {
  handle(request).then(
    (result) => process.connected && process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
