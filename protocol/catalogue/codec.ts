import { z } from 'zod'
import { messageCodec } from '../codec/message-codec.ts'
import { bytesOf, bytesUpTo, timeMs } from '../codec/schema.ts'
import { signatureBytes } from '../codec/signature.ts'
import { catalogueCursorBytesMax, controlFrameBytesMax, releasesPerPageMax } from '../limits.ts'
import { releaseContentBytesMax } from '../model/release-block.ts'
import type { CatalogueRequest, CatalogueResponse } from './message.ts'

const cursor = bytesUpTo(catalogueCursorBytesMax)
const requestShape: z.ZodType<CatalogueRequest> = z.object({ cursor, sinceMs: timeMs })
const responseShape: z.ZodType<CatalogueResponse> = z.object({
  nowMs: timeMs,
  releases: z
    .array(z.object({ bytes: bytesUpTo(releaseContentBytesMax), signature: bytesOf(signatureBytes) }))
    .max(releasesPerPageMax),
  nextCursor: cursor,
})

const requests = messageCodec(requestShape, { what: 'catalogue request', bytesMax: controlFrameBytesMax })
const responses = messageCodec(responseShape, { what: 'catalogue response', bytesMax: controlFrameBytesMax })

export const encodeCatalogueRequest: (message: CatalogueRequest) => Uint8Array = requests.encode
export const decodeCatalogueRequest: (bytes: Uint8Array) => CatalogueRequest = requests.decode
export const encodeCatalogueResponse: (message: CatalogueResponse) => Uint8Array = responses.encode
/** The releases in it are still bytes: `decodeRelease` reads each and checks its signature. */
export const decodeCatalogueResponse: (bytes: Uint8Array) => CatalogueResponse = responses.decode
