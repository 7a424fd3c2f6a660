import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blake3, createBlake3, loadBlake3 } from './blake3.ts'
import { seededRandom } from './decoder-suite.ts'

/**
 * Source: BLAKE3-team/BLAKE3, test_vectors/test_vectors.json, first 32 bytes of `hash`.
 * Input: bytes 0, 1, ..., 250, 0, 1, ... of that length.
 */
const vectors: [lengthBytes: number, digestHex: string][] = [
  [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
  [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
  [1023, '10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11'],
  [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
  [1025, 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444'],
  [2049, '5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030'],
  [4097, '9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995'],
  [7169, 'a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817'],
]

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const vectorInput = (length: number) => Uint8Array.from({ length }, (_, at) => at % 251)

describe.each(['native', 'wasm'] as const)('blake3 (%s)', (engine) => {
  beforeAll(async () => {
    expect(await loadBlake3(engine)).toBe(engine)
  })

  test.each(vectors)('blake3: %i bytes give the official digest', (length, digest) => {
    expect(hex(blake3(vectorInput(length)))).toBe(digest)
  })

  test('blake3: hashes just the view that it is given, and returns a plain array', () => {
    const whole = vectorInput(3000)
    const view = whole.subarray(1000, 2025)
    expect(hex(blake3(view))).toBe(hex(blake3(view.slice())))
    expect(hex(blake3(Buffer.from(view)))).toBe(hex(blake3(view)))
    expect(blake3(view).constructor).toBe(Uint8Array)
  })

  test('blake3: parts give the digest of the whole, with several hashers open', () => {
    const input = vectorInput(7169)
    const first = createBlake3()
    const second = createBlake3()
    for (let at = 0; at < input.length; at += 1000) {
      first.update(input.subarray(at, at + 1000))
      second.update(input.subarray(at, Math.min(at + 1000, 4097)))
    }
    expect(hex(first.digest())).toBe(vectors[7]![1])
    expect(hex(second.digest())).toBe(vectors[6]![1])
    expect(hex(createBlake3().digest())).toBe(vectors[0]![1])
  })

  test('blake3: a digest in between is that of the bytes so far, and changes nothing', () => {
    const input = vectorInput(7169)
    const hasher = createBlake3()
    expect(hex(hasher.digest())).toBe(vectors[0]![1])
    hasher.update(input.subarray(0, 1025))
    expect(hex(hasher.digest())).toBe(vectors[4]![1])
    hasher.update(input.subarray(1025))
    expect(hex(hasher.digest())).toBe(vectors[7]![1])
  })
})

describe('blake3 (both)', () => {
  afterAll(() => loadBlake3('native'))

  test('blake3: native and WebAssembly agree on random input of every size class', async () => {
    const random = seededRandom(3)
    const inputs = [63, 64, 65, 1000, 16_385, 100_001].map((length) =>
      Uint8Array.from({ length }, () => random() * 256),
    )
    await loadBlake3('native')
    const native = inputs.map((input) => hex(blake3(input)))
    await loadBlake3('wasm')
    expect(inputs.map((input) => hex(blake3(input)))).toEqual(native)
  })
})
