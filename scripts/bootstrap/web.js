/**
 * The pages of the explorer: built by Vite once per state of their sources. A gain, not a need: without them a node and a
 * coordinator serve their APIs all the same, and say in the browser what is missing.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { say } from './progress.js'
import { childEnvironment } from './runtime.js'

/** Vite needs three seconds; a machine under load many times that. */
const BUILD_TIMEOUT_MS = 300_000
/** All that is bundled, besides packages: those change with the lock file. */
const SOURCES = ['coordinator/web', 'protocol', 'contracts/abi', 'package-lock.json']

function webFolder(root) {
  return join(root, 'coordinator', 'web')
}

/** By names, sizes and times: some milliseconds, where hashing the bytes would take tens. */
function sourceHash(root) {
  const hash = createHash('sha256')
  const add = (path) => {
    const stat = statSync(join(root, path))
    if (stat.isDirectory()) {
      for (const name of readdirSync(join(root, path)).sort()) if (!name.startsWith('dist')) add(`${path}/${name}`)
    } else hash.update(`${path} ${stat.size} ${Math.round(stat.mtimeMs)}\n`)
  }
  for (const path of SOURCES) add(path)
  return hash.digest('hex')
}

/** True where there is nothing to do: built or tried with these sources, or shipped without them. */
export function pagesAreSettled(root) {
  if (!existsSync(join(webFolder(root), 'vite.config.ts'))) return true
  try {
    return readFileSync(join(webFolder(root), 'dist', 'stamp'), 'utf8') === sourceHash(root)
  } catch {
    return false
  }
}

/** Never throws, prints one line, is tried once per state of the sources. Call it with the bootstrap's lock held. */
export function settlePages(root, nodePath) {
  if (pagesAreSettled(root)) return
  try {
    const startedMs = Date.now()
    const problem = buildPages(root, nodePath, { stdio: 'ignore' })
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(0)
    say(problem === undefined ? `built the explorer's pages in ${seconds} s` : `no pages of the explorer: ${problem}`)
    if (problem === undefined) return
    mkdirSync(join(webFolder(root), 'dist'), { recursive: true })
    writeFileSync(join(webFolder(root), 'dist', 'stamp'), sourceHash(root))
  } catch (error) {
    say(`no pages of the explorer: ${error.message}`)
  }
}

/** @returns why there are none, or undefined when `coordinator/web/dist` is there; it appears by one rename. */
export function buildPages(root, nodePath, { stdio }) {
  const folder = webFolder(root)
  // What is in it belongs to the sources as they are now: one that changes meanwhile is built anew.
  const stamp = sourceHash(root)
  const [work, old] = [join(folder, 'dist.new'), join(folder, 'dist.old')]
  const args = [join(root, 'node_modules/vite/bin/vite.js'), 'build', folder, '--outDir', work, '--emptyOutDir']
  const { status, error, signal } = spawnSync(nodePath, args, {
    cwd: root,
    // Standard output belongs to the program that is started afterwards.
    stdio: stdio === 'inherit' ? ['ignore', 2, 2] : 'ignore',
    timeout: BUILD_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: { ...childEnvironment(nodePath), NODE_ENV: 'production' },
  })
  if (error !== undefined || status !== 0) {
    rmSync(work, { recursive: true, force: true })
    return `vite ended with ${status ?? signal ?? error?.message}; npm run build:web shows why`
  }
  writeFileSync(join(work, 'stamp'), stamp)
  rmSync(old, { recursive: true, force: true })
  if (existsSync(join(folder, 'dist'))) renameSync(join(folder, 'dist'), old)
  renameSync(work, join(folder, 'dist'))
  rmSync(old, { recursive: true, force: true })
  return undefined
}
