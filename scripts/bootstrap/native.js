/**
 * The C++ addon of `native/`: a gain in speed, not a need. Built once per state of its sources where CMake and a compiler
 * are; elsewhere, or when that fails, the TypeScript fallback does the same to the last bit.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { say } from './progress.js'
import { platformName } from './runtime.js'

/** A compiler that hangs must not keep a node from starting. */
const STEP_TIMEOUT_MS = 120_000

function buildFolder(root) {
  return join(root, 'native', 'build')
}

/** Changes with every file that the addon is made of, and with the machine. About a millisecond. */
function sourceHash(root) {
  const hash = createHash('sha256').update(platformName)
  for (const folder of ['addon', 'kernels']) {
    for (const name of readdirSync(join(root, 'native', folder)).sort())
      hash.update(`\n${name}\n`).update(readFileSync(join(root, 'native', folder, name)))
  }
  return hash.update(readFileSync(join(root, 'native', 'CMakeLists.txt'))).digest('hex')
}

/** True where there is nothing to do: built or tried with these sources, shipped with the release, or no sources at all. */
export function addonIsSettled(root, env = process.env) {
  if (env.HARTONOMOUS_NATIVE === 'fallback' || !existsSync(join(root, 'native', 'CMakeLists.txt'))) return true
  if (existsSync(join(root, 'native', 'prebuilt', platformName, 'hartonomous.node'))) return true
  try {
    return readFileSync(join(buildFolder(root), 'stamp'), 'utf8') === sourceHash(root)
  } catch {
    return false
  }
}

/** Never throws, prints one line, is tried once per state of the sources. Call it with the bootstrap's lock held. */
export function settleAddon(root) {
  if (addonIsSettled(root)) return
  try {
    const startedMs = Date.now()
    const problem = buildAddon(root, { stdio: 'ignore' })
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(0)
    say(
      problem === undefined
        ? `built the native addon in ${seconds} s`
        : `no native addon (${problem}); TypeScript does its work`,
    )
    // Written last: a build that was killed is begun anew.
    mkdirSync(buildFolder(root), { recursive: true })
    writeFileSync(join(buildFolder(root), 'stamp'), sourceHash(root))
  } catch (error) {
    say(`no native addon (${error.message}); TypeScript does its work`)
  }
}

/** @returns why there is none, or undefined when `native/build/hartonomous.node` is there. It appears by one rename. */
export function buildAddon(root, { stdio }) {
  if (process.platform === 'win32') return 'it is built on Linux and macOS only'
  mkdirSync(buildFolder(root), { recursive: true })
  // Of a build that was killed; should its compiler still run, it fails without its folder.
  for (const name of readdirSync(buildFolder(root))) {
    if (name.startsWith('work-')) rmSync(join(buildFolder(root), name), { recursive: true, force: true })
  }
  const work = join(buildFolder(root), `work-${process.pid}`)
  const steps = [
    ['-S', join(root, 'native'), '-B', work, '-DCMAKE_BUILD_TYPE=Release'],
    ['--build', work],
  ]
  for (const args of steps) {
    const { status, error, signal } = spawnSync('cmake', args, {
      // Standard output belongs to the program that is started afterwards.
      stdio: stdio === 'inherit' ? ['ignore', 2, 2] : 'ignore',
      timeout: STEP_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    if (error?.code === 'ENOENT') return 'CMake is not installed'
    if (status !== 0) return `cmake ended with ${status ?? signal}; npm run build:native shows why`
  }
  renameSync(join(work, 'hartonomous.node'), join(buildFolder(root), 'hartonomous.node'))
  rmSync(work, { recursive: true, force: true })
  return undefined
}
