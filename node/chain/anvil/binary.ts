import { createRequire } from 'node:module'
import { HartonomousError } from '#protocol/errors.ts'

/** How the packages of Foundry spell what Node calls x64. */
const archWords: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Where the program is: in the optional package for this platform, which npm has installed or has not.
 * @throws {ERR_CHAIN_UNAVAILABLE}
 */
export function anvilBinary(platform: string = process.platform, arch: string = process.arch): string {
  const suffix = platform === 'win32' ? '.exe' : ''
  const name = `@foundry-rs/anvil-${platform}-${archWords[arch] ?? arch}/bin/anvil${suffix}`
  try {
    return createRequire(import.meta.url).resolve(name)
  } catch (error) {
    const reason = `the local chain (anvil) is not installed for ${platform} ${arch}; npm install @foundry-rs/anvil@1.7.1 brings it, where it exists`
    throw new HartonomousError('ERR_CHAIN_UNAVAILABLE', { url: 'this machine', reason }, { cause: error })
  }
}
