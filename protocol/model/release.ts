/**
 * A release: a publisher's signed statement about a model. The model id follows from the bytes alone; who calls it what,
 * and under which licence, is said here. Several releases of one model may exist; each node's policy chooses.
 */
import type { ModelId, PeerId } from '../ids.ts'

export interface Release {
  modelId: ModelId
  publisher: PeerId
  /** `hartling-f16`: what `hart run NAME` takes. Lower case letters, digits, `.`, `_`, `-` and one `/`. */
  name: string
  /** SPDX expression or `LicenseRef-…`. */
  licence: string
  /** `gguf`. */
  format: string
  /** `llama`, `qwen2`, ... as the file says. */
  architecture: string
  sizeBytes: number
  parameterCount: number
  /** Text of the chat template, where the file has one; tokenizer family (`llama`, `gpt2`, ...). */
  tokenizer: string
  createdAtMs: number
}

export interface SignedRelease {
  release: Release
  /** DAG-CBOR of `release`: what was signed, kept so that it need not be encoded again to check or pass on. */
  bytes: Uint8Array
  /** Ed25519 signature by the publisher's libp2p key over `hartonomous/release/1` ‖ `bytes`. */
  signature: Uint8Array
}
