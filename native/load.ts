/** Finds the addon: one that was shipped, one that was built here, or none and why. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { bindingVersion, type NativeBinding } from './binding.ts'
import { fallback } from './fallback/index.ts'

export interface NativeChoice {
  binding: NativeBinding
  implementation: 'addon' | 'fallback'
  /** Why it is the fallback, or the file of the addon. */
  reason: string
}

/** In this order. The second is what `npm run build:native` writes. */
const places = [`./prebuilt/${process.platform}-${process.arch}/hartonomous.node`, './build/hartonomous.node']

let chosen: NativeChoice | undefined

/** `HARTONOMOUS_NATIVE=fallback` does without the addon. The choice is made once per thread. */
export function loadNative(environment: Record<string, string | undefined> = process.env): NativeChoice {
  chosen ??=
    environment['HARTONOMOUS_NATIVE'] === 'fallback'
      ? { binding: fallback, implementation: 'fallback', reason: 'HARTONOMOUS_NATIVE=fallback' }
      : (loadAddon() ?? {
          binding: fallback,
          implementation: 'fallback',
          reason: 'no addon was built; npm run build:native builds it where CMake and a C++ compiler are',
        })
  return chosen
}

/** `undefined` where there is no file. A file that does not load is told, and done without. */
export function loadAddon(
  files = places.map((place) => fileURLToPath(new URL(place, import.meta.url))),
): NativeChoice | undefined {
  const require = createRequire(import.meta.url)
  let refusal: string | undefined
  for (const file of files) {
    if (!existsSync(file)) continue
    try {
      const binding = require(file) as NativeBinding
      if (binding.version === bindingVersion) return { binding, implementation: 'addon', reason: file }
      refusal ??= `${file} was built for contract ${binding.version}, this is ${bindingVersion}`
    } catch (error) {
      refusal ??= `${file} does not load: ${(error as Error).message}`
    }
  }
  return refusal === undefined ? undefined : { binding: fallback, implementation: 'fallback', reason: refusal }
}
