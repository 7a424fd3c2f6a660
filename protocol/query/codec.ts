import { z } from 'zod'
import { messageCodec } from '../codec/message-codec.ts'
import { bytesUpTo, lineUpTo, modelId, textUpTo, uint } from '../codec/schema.ts'
import {
  componentKeyBytesMax,
  controlFrameBytesMax,
  dtypeBytesMax,
  ggufKeyBytesMax,
  keyPatternCharactersMax,
  licenceBytesMax,
  queryCursorBytesMax,
  queryListMax,
  queryMetaValueBytesMax,
  queryModelsMax,
  queryRowsMax,
  queryTensorsPerHitMax,
  queryWordBytesMax,
  queryWordsMax,
  spaceNameBytesMax,
  tensorDimensionsMax,
  tensorNameBytesMax,
  vectorDimensionMax,
} from '../limits.ts'
import { componentKinds, type Query, type QueryHit, type QueryRequest, type QueryResponse } from './message.ts'

const range = z.object({ min: uint.optional(), max: uint.optional() })
const kind = z.enum(componentKinds)
const word = lineUpTo(queryWordBytesMax)

/** Also what the control API accepts. */
export const queryShape = z.object({
  modelIds: z.array(modelId).max(queryModelsMax),
  kinds: z.array(kind).max(componentKinds.length),
  layers: range.optional(),
  experts: range.optional(),
  sizeBytes: range.optional(),
  dtypes: z.array(textUpTo(dtypeBytesMax)).max(queryListMax),
  shape: z.array(uint.nullable()).max(tensorDimensionsMax),
  licence: textUpTo(licenceBytesMax).optional(),
  meta: z
    .array(z.object({ path: textUpTo(ggufKeyBytesMax), value: textUpTo(queryMetaValueBytesMax).optional() }))
    .max(queryListMax),
  keyPattern: textUpTo(keyPatternCharactersMax).optional(),
  words: z.array(word).max(queryWordsMax),
}) as z.ZodType<Query>

const requestShape = z.object({
  query: queryShape,
  like: z.object({ space: lineUpTo(spaceNameBytesMax), vector: bytesUpTo(4 * vectorDimensionMax) }).optional(),
  limit: uint.min(1).max(queryRowsMax),
  cursor: bytesUpTo(queryCursorBytesMax),
}) as z.ZodType<QueryRequest>

const hitShape = z.object({
  modelId,
  key: lineUpTo(componentKeyBytesMax),
  kind,
  layer: uint.optional(),
  expert: uint.optional(),
  sizeBytes: uint,
  parameterCount: uint,
  heldBytes: uint,
  tensors: z
    .array(
      z.object({
        name: lineUpTo(tensorNameBytesMax),
        dtype: lineUpTo(dtypeBytesMax),
        shape: z.array(uint).max(tensorDimensionsMax),
        sizeBytes: uint,
      }),
    )
    .max(queryTensorsPerHitMax),
  words: z.array(word).max(queryWordsMax),
  score: z.number().min(-1.001).max(1.001).optional(),
}) as z.ZodType<QueryHit>

const responseShape: z.ZodType<QueryResponse> = z.object({
  hits: z.array(hitShape).max(queryRowsMax),
  nextCursor: bytesUpTo(queryCursorBytesMax),
})

const requests = messageCodec(requestShape, { what: 'query request', bytesMax: controlFrameBytesMax })
const responses = messageCodec(responseShape, { what: 'query response', bytesMax: controlFrameBytesMax })

export const encodeQueryRequest: (message: QueryRequest) => Uint8Array = requests.encode
export const decodeQueryRequest: (bytes: Uint8Array) => QueryRequest = requests.decode
export const encodeQueryResponse: (message: QueryResponse) => Uint8Array = responses.encode
/** Hearsay until the model's content block was read: then every row can be derived and compared. */
export const decodeQueryResponse: (bytes: Uint8Array) => QueryResponse = responses.decode
