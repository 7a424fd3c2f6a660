/** The slow path: brings Node and the npm packages. Loaded only when something is missing. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { acquireLock } from './lock.js'
import { settleAddon } from './native.js'
import { findNpmCli, installedTreeAgrees, installPackages, writeStamp } from './packages.js'
import { say } from './progress.js'
import { BootstrapError, fetchPackage } from './registry.js'
import {
  findNode,
  missingCudaPackages,
  packagesAreReady,
  platformName,
  readToolchain,
  toolchainFolder,
} from './runtime.js'
import { settlePages } from './web.js'

const WAIT_REMINDER_MS = 10_000
const CUDA_RETRY_MS = 24 * 3_600_000

/**
 * Safe to kill at any moment: downloads go on where they stopped, folders appear by one rename, the stamp is written
 * last. Safe to start twice: the second waits for the first.
 */
export async function prepare(root) {
  const toolchain = readToolchain(root)
  const lock = await acquireLock(join(root, '.toolchain', 'lock'), { onWait: createWaitReporter() })
  try {
    const npmCli = findNpmCli()
    const node = findNode(root, toolchain) ?? (await fetchNode(root, toolchain, npmCli))
    if (!packagesAreReady(root, node.version)) {
      if (installedTreeAgrees(root)) writeStamp(root, node.version)
      else await installPackages(root, node, npmCli, toolchain, lock)
    }
    await fetchCudaPackages(root, toolchain, npmCli)
    settleAddon(root)
    settlePages(root, node.path)
    return node
  } finally {
    lock.release()
  }
}

function createWaitReporter() {
  let nextMs = 0
  return (holder) => {
    if (Date.now() < nextMs) return
    nextMs = Date.now() + WAIT_REMINDER_MS
    say(`process ${holder.pid ?? '(unknown)'} is installing already; waiting for it`)
  }
}

async function fetchNode(root, toolchain, npmCli) {
  const pin = toolchain.node.platforms[platformName]
  const { minimumVersion } = toolchain.node
  if (!pin) {
    throw new BootstrapError(
      `Node ${process.versions.node} is older than ${minimumVersion}, and the npm registry has no Node package for ${platformName}`,
      `Install Node ${minimumVersion} or newer (https://nodejs.org) and start again.`,
    )
  }
  say(
    `this is Node ${process.versions.node}; bringing Node ${pin.version} into .toolchain (once, nothing else changes)`,
  )
  const check = (folder) => {
    const result = spawnSync(join(folder, pin.binary), ['--version'], { encoding: 'utf8' })
    if (result.stdout?.trim() === `v${pin.version}`) return
    throw new BootstrapError(
      `the fetched Node does not run here: ${result.error?.message ?? result.stderr?.trim()}`,
      `Systems without glibc (Alpine) need their own: install Node ${minimumVersion} or newer with the package manager.`,
    )
  }
  await fetchPackage(pin, toolchainFolder(root, toolchain), { root, npmCli, check })
  return findNode(root, toolchain)
}

/** A GPU is a gain, not a need: a failure is told once a day and the node goes on without. */
async function fetchCudaPackages(root, toolchain, npmCli) {
  const missing = missingCudaPackages(root, toolchain)
  const marker = join(root, 'node_modules', '.hartonomous-cuda-failed')
  if (missing.length === 0 || (process.env.HARTONOMOUS_GPU !== 'cuda' && Date.now() - readTime(marker) < CUDA_RETRY_MS))
    return
  say('fetching the CUDA builds of llama.cpp for the NVIDIA driver here (HARTONOMOUS_GPU=none to go without)')
  try {
    for (const pin of missing) await fetchPackage(pin, join(root, 'node_modules', pin.package), { root, npmCli })
  } catch (error) {
    writeFileSync(marker, String(Date.now()))
    say(`no CUDA for now: ${error.message}`)
  }
}

function readTime(file) {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}
