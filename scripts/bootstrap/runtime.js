/**
 * What the fast path needs: where the right Node is, and whether `node_modules` belongs to the lock file.
 * Plain JavaScript without dependencies, for any Node >= 20: it runs before anything of ours can.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')
export const platformName = `${process.platform}-${process.arch}`

/** Changes when this code writes something else into `node_modules` for one and the same lock file. */
const STAMP_FORMAT = 1

export function readToolchain(root) {
  return JSON.parse(readFileSync(join(root, 'scripts/bootstrap/toolchain.json'), 'utf8'))
}

function isAtLeast(version, minimum) {
  const [a, b] = [version, minimum].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] > b[i]
  return true
}

/** `.toolchain/node-v24.21.0-linux-x64`, or undefined where no package is pinned for this platform. */
export function toolchainFolder(root, toolchain) {
  const pin = toolchain.node.platforms[platformName]
  return pin && join(root, '.toolchain', `node-v${pin.version}-${platformName}`)
}

/**
 * The Node that runs our code, or undefined where it must be fetched first.
 * `HARTONOMOUS_NODE=pinned` asks for the pinned one although the running one is new enough.
 */
export function findNode(root, toolchain, env = process.env) {
  const isNewEnough = isAtLeast(process.versions.node, toolchain.node.minimumVersion)
  if (isNewEnough && env.HARTONOMOUS_NODE !== 'pinned')
    return { path: process.execPath, version: process.versions.node }
  const pin = toolchain.node.platforms[platformName]
  if (!pin) return undefined
  const path = join(toolchainFolder(root, toolchain), pin.binary)
  return existsSync(path) ? { path, version: pin.version } : undefined
}

export function stampFile(root) {
  return join(root, 'node_modules', '.hartonomous-stamp')
}

/** Packages are chosen by the lock file, the platform and the major version of Node (by `engines`). */
export function expectedStamp(root, nodeVersion) {
  const hash = createHash('sha256')
  hash.update(`${STAMP_FORMAT}\n${nodeVersion.split('.')[0]}\n${platformName}\n`)
  hash.update(readFileSync(join(root, 'package-lock.json')))
  return hash.digest('hex')
}

export function packagesAreReady(root, nodeVersion) {
  try {
    return readFileSync(stampFile(root), 'utf8').trim() === expectedStamp(root, nodeVersion)
  } catch {
    return false
  }
}

/**
 * The CUDA builds of node-llama-cpp (320 MB to download) are not in the lock file: they are wanted only where there is
 * an NVIDIA driver. `HARTONOMOUS_GPU=cuda` asks for them all the same, `HARTONOMOUS_GPU=none` never.
 */
export function missingCudaPackages(root, toolchain, env = process.env) {
  const pins = toolchain.cuda.platforms[platformName] ?? []
  if (pins.length === 0 || env.HARTONOMOUS_GPU === 'none') return []
  const driver = process.platform === 'win32' ? 'C:\\Windows\\System32\\nvcuda.dll' : '/proc/driver/nvidia/version'
  if (env.HARTONOMOUS_GPU !== 'cuda' && !existsSync(driver)) return []
  return pins.filter((pin) => !existsSync(join(root, 'node_modules', pin.package, 'package.json')))
}

/** So that whatever our code starts by the name `node` is the same Node. */
export function childEnvironment(nodePath, env = process.env) {
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const path = env[key] ?? ''
  const folder = dirname(nodePath)
  const isFirst = path === folder || path.startsWith(folder + delimiter)
  // Compiled code is kept between runs: a node starts with 1.4 s of CPU time instead of 2.2 s.
  const compileCache = env.NODE_COMPILE_CACHE ?? join(repositoryRoot, '.toolchain', 'compile-cache')
  // onnxruntime-node's install script fetches CUDA libraries from NuGet, and fails where there is only a registry.
  return {
    ...env,
    [key]: isFirst ? path : folder + delimiter + path,
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    NODE_COMPILE_CACHE: compileCache,
  }
}
