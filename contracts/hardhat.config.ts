import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'hardhat/config'

/** The compiler of the lock file, not a download: an absolute path to solcjs, which Hardhat loads in its own process. */
const compiler = createRequire(import.meta.url).resolve('solc/soljson.js')
const root = fileURLToPath(new URL('..', import.meta.url))

export default defineConfig({
  solidity: {
    version: '0.8.37',
    path: compiler,
    settings: { optimizer: { enabled: true, runs: 10_000 }, evmVersion: 'cancun' },
  },
  paths: {
    sources: `${root}contracts`,
    tests: { solidity: `${root}contracts/test` },
    artifacts: `${root}.toolchain/contracts/artifacts`,
    cache: `${root}.toolchain/contracts/cache`,
  },
  test: {
    solidity: {
      fsPermissions: { readFile: [`${root}contracts/test/vectors.json`] },
      fuzz: { runs: 256, seed: '0x4841525400000000000000000000000000000000000000000000000000000001' },
      invariant: { runs: 64, depth: 64, failOnRevert: false },
    },
  },
})
