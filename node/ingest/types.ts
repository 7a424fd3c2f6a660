/** What reading a model file's header gives, before any byte of the tensors is read. */
import type { ExtentLayout } from '#protocol/model/content.ts'
import type { ComponentRow, EdgeRow } from '#sql/store/types.ts'

/** Positional reads of one file: local, or by HTTP ranges. */
export interface ByteSource {
  /** Path or URL, for messages. */
  readonly name: string
  readonly sizeBytes: number
  /** Exactly `lengthBytes` bytes. @throws {ERR_IO} {ERR_MODEL_FILE} past the end */
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>
}

export type MetaValue = string | number | bigint | boolean | MetaValue[] | { arrayLength: number; itemType: string }

/** A model described by its header(s): one entry in `files` per (split) file, in order. */
export interface ModelHeader {
  format: 'gguf'
  formatVersion: number
  architecture: string
  /** `general.name`, if any. */
  name?: string
  /** `general.license`, if any. */
  licence?: string
  tokenizer: string
  chatTemplate?: string
  contextTokens?: number
  parameterCount: number
  /** Long arrays are replaced by `{ arrayLength, itemType }`; bigints by decimal strings when stored. */
  meta: Record<string, MetaValue>
  files: { sizeBytes: number; extents: ExtentLayout[] }[]
  components: ComponentRow[]
  edges: EdgeRow[]
  /** Why llama.cpp must not see this file (it would abort), if so; the model can still be stored and served. */
  unrunnable?: string
}
