/**
 * BLAKE3, the one hash of bytes on disk: native where the module for this platform can be loaded, else WebAssembly.
 *
 * Call `await loadBlake3()` once at the start of a process or worker. With the native module the functions work without
 * it, because that loads synchronously; WebAssembly cannot.
 */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import type { IHasher } from 'hash-wasm'

export type Blake3Engine = 'native' | 'wasm'

export interface Blake3Hasher {
  update(bytes: Uint8Array): void
  /** 32 bytes: of what came so far. More may follow it. */
  digest(): Uint8Array
}

interface Blake3Implementation {
  engine: Blake3Engine
  digest(bytes: Uint8Array): Uint8Array
  createHasher(): Blake3Hasher
}

let implementation: Blake3Implementation | undefined

/** Loads the hash, and says which one it is. `engine` forces one, for tests and `doctor`. */
export async function loadBlake3(engine?: Blake3Engine): Promise<Blake3Engine> {
  if (engine === undefined && implementation !== undefined) return implementation.engine
  const native = engine === 'wasm' ? undefined : tryLoadNative()
  assert(native !== undefined || engine !== 'native', 'the native BLAKE3 module cannot be loaded on this platform')
  implementation = native ?? (await loadWasm())
  return implementation.engine
}

/** Digest of `bytes`, 32 bytes. */
export function blake3(bytes: Uint8Array): Uint8Array {
  return current().digest(bytes)
}

/** Digest of bytes that come in parts. */
export function createBlake3(): Blake3Hasher {
  return current().createHasher()
}

function current(): Blake3Implementation {
  implementation ??= tryLoadNative()
  assert(implementation !== undefined, 'no native BLAKE3 here: await loadBlake3() before the first digest')
  return implementation
}

function tryLoadNative(): Blake3Implementation | undefined {
  let native: typeof import('@napi-rs/blake-hash')
  try {
    native = createRequire(import.meta.url)('@napi-rs/blake-hash')
  } catch {
    return undefined
  }
  return {
    engine: 'native',
    digest: (bytes) => plainView(native.blake3(bytes)),
    createHasher: () => {
      const hasher = new native.Blake3Hasher()
      return { update: (bytes) => void hasher.update(bytes), digest: () => plainView(hasher.digestBuffer()) }
    },
  }
}

async function loadWasm(): Promise<Blake3Implementation> {
  const { createBLAKE3 } = await import('hash-wasm')
  const shared = await createBLAKE3()
  // One module instance hashes for all: a hasher keeps its state as bytes between calls, so that several can be open.
  const empty = shared.init().save()
  return {
    engine: 'wasm',
    digest: (bytes) => shared.init().update(bytes).digest('binary'),
    createHasher: () => createWasmHasher(shared, empty),
  }
}

function createWasmHasher(shared: IHasher, empty: Uint8Array): Blake3Hasher {
  let state = empty
  return {
    update: (bytes) => {
      state = shared.load(state).update(bytes).save()
    },
    digest: () => shared.load(state).digest('binary'),
  }
}

/** `Buffer` compares and prints differently from `Uint8Array`; callers get one kind from both engines. */
function plainView(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
