/** `node_modules` from the lock file, by npm's own script under the right Node. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { describeProcess } from './lock.js'
import { locationsForThisPlatform } from './lock-tree.js'
import { formatMegabytes, formatSeconds, say } from './progress.js'
import { BootstrapError } from './registry.js'
import { childEnvironment, expectedStamp, platformName, stampFile } from './runtime.js'

/** The npm that started us; else the one beside this Node; else the first on the path. */
export function findNpmCli(env = process.env) {
  const started = env.npm_execpath
  const beside = dirname(process.execPath)
  const candidates = [
    ...(started ? [started, join(dirname(started), 'npm-cli.js')] : []),
    join(beside, '../lib/node_modules/npm/bin/npm-cli.js'),
    join(beside, 'node_modules/npm/bin/npm-cli.js'),
    ...(env.PATH ?? env.Path ?? '').split(delimiter).flatMap((folder) => npmOnPath(folder)),
  ]
  const found = candidates.find((file) => basename(file) === 'npm-cli.js' && existsSync(file))
  if (found) return found
  throw new BootstrapError(
    'npm was not found',
    'Install npm (it comes with Node from https://nodejs.org) and start again with `npm start`.',
  )
}

function npmOnPath(folder) {
  if (folder === '') return []
  const inside = join(folder, 'node_modules/npm/bin/npm-cli.js')
  try {
    return [inside, realpathSync(join(folder, 'npm'))]
  } catch {
    return [inside]
  }
}

/**
 * A developer's own `npm install` leaves a tree that belongs to the lock file but has no stamp. npm writes
 * `node_modules/.package-lock.json` last, so a complete one that agrees is as good as a fresh install.
 */
export function installedTreeAgrees(root) {
  try {
    const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages
    const [wanted, installed] = [read('package-lock.json'), read('node_modules/.package-lock.json')]
    return [...locationsForThisPlatform(wanted)].every((location) => {
      const [entry, there] = [wanted[location], installed[location]]
      // What is only a peer's wish may be absent: npm leaves optional peers out.
      if (there === undefined) return entry.peer === true
      return there.version === entry.version && (!entry.integrity || there.integrity === entry.integrity)
    })
  } catch {
    return false
  }
}

export function writeStamp(root, nodeVersion) {
  const file = stampFile(root)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.tmp`, `${expectedStamp(root, nodeVersion)}\n`)
  renameSync(`${file}.tmp`, file)
}

/** Removes `node_modules` and fills it again. An interrupted run leaves no stamp and is done afresh by the next start. */
export async function installPackages(root, node, npmCli, toolchain, lock) {
  const aboutBytes = toolchain.packages.downloadBytesAbout[platformName] ?? 0
  say(
    `installing npm packages${aboutBytes ? ` (about ${formatMegabytes(aboutBytes)} to download when none is cached)` : ''}`,
  )
  const startedMs = Date.now()
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  const retries = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=10000']
  const quiet = ['--loglevel=error', '--no-progress', '--no-update-notifier']
  const runner = join(root, 'scripts/bootstrap/npm-runner.js')
  const child = spawn(node.path, [runner, npmCli, String(aboutBytes), ...args, ...retries, ...quiet], {
    cwd: root,
    // Standard output belongs to the program that is started afterwards.
    stdio: ['pipe', 2, 2],
    env: childEnvironment(node.path),
  })
  lock.update({ npm: describeProcess(child.pid) })
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? signal))
  })
  lock.update({})
  if (status !== 0) {
    throw new BootstrapError(
      `npm ci ended with ${status}`,
      'Its own message stands above. Only the npm registry is needed: check the network, `npm config get registry` and `npm config get https-proxy`, and that the disk has 2 GB free; then start again.',
    )
  }
  writeStamp(root, node.version)
  say(`npm packages are ready after ${formatSeconds((Date.now() - startedMs) / 1000)}`)
}
