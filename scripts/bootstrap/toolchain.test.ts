import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))

test('toolchain: the CUDA builds are those of the locked node-llama-cpp, and stay out of the lock file', () => {
  const { packages } = read('package-lock.json')
  const { overrides } = read('package.json')
  const llama = packages['node_modules/node-llama-cpp']
  const pins: { package: string; version: string }[] = Object.values(
    read('scripts/bootstrap/toolchain.json').cuda.platforms,
  ).flat() as never
  expect(pins.length).toBeGreaterThan(0)
  for (const pin of pins) expect(llama.optionalDependencies[pin.package], pin.package).toBe(pin.version)
  const cuda = Object.keys(llama.optionalDependencies).filter((name) => name.includes('-cuda'))
  for (const name of cuda) {
    expect(overrides[name], name).toMatch(/^npm:@node-datachannel\/android-arm64@/)
    expect(packages[`node_modules/${name}`]?.os, name).toEqual(['android'])
  }
})

test('toolchain: every pinned Node is new enough and pinned by its hash', () => {
  const { node } = read('scripts/bootstrap/toolchain.json')
  for (const [platform, pin] of Object.entries<{ version: string; integrity: string }>(node.platforms)) {
    expect(pin.version.localeCompare(node.minimumVersion, 'en', { numeric: true }), platform).toBeGreaterThanOrEqual(0)
    expect(pin.integrity, platform).toMatch(/^sha512-[\w+/]{86}==$/)
  }
})
