/** Fetches one pinned npm package from the user's registry, checks its hash and unpacks it. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatMegabytes, say, startProgress } from './progress.js'
import { extractTarball } from './tar.js'

const DEFAULT_REGISTRY = 'https://registry.npmjs.org/'
const IDLE_TIMEOUT_MS = 30_000
const ATTEMPTS_MAX = 4
const REDIRECTS_MAX = 5
/** Trying again in a moment does not help against these. */
const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'ENETUNREACH', 'EHOSTUNREACH'])

/** A failure that the person can do something about: printed without a stack. */
export class BootstrapError extends Error {
  constructor(message, remedy, options) {
    super(message, options)
    this.remedy = remedy
  }
}

/** The part of npm's configuration (user, project and environment) that decides how to reach the registry. */
function readRegistrySettings(npmCli, root) {
  const result = spawnSync(process.execPath, [npmCli, 'config', 'list', '--json'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 30_000,
  })
  let settings = {}
  try {
    settings = JSON.parse(result.stdout)
  } catch {
    // An npm that cannot print its configuration still leaves the environment and the default.
  }
  const registry = settings.registry ?? process.env.npm_config_registry ?? DEFAULT_REGISTRY
  const { env } = process
  return {
    registry: registry.endsWith('/') ? registry : `${registry}/`,
    hasProxy: Boolean(settings['https-proxy'] ?? settings.proxy ?? env.HTTPS_PROXY ?? env.https_proxy),
    ca: settings.cafile ? readFileSync(settings.cafile, 'utf8') : undefined,
  }
}

/**
 * Brings `pin` into `folder`, which appears complete or not at all.
 * @param {{ package: string, version: string, integrity: string, sizeBytes?: number }} pin
 * @param {{ root: string, npmCli: string, check?: (folder: string) => void }} context `check` looks at the unpacked folder before it gets its name
 */
export async function fetchPackage(pin, folder, { root, npmCli, check = () => {} }) {
  const downloads = join(root, '.toolchain', 'download')
  mkdirSync(downloads, { recursive: true })
  const file = join(downloads, `${basename(pin.package)}-${pin.version}.tgz`)
  const settings = readRegistrySettings(npmCli, root)
  await downloadVerified(pin, file, settings, { root, npmCli })
  const unpacked = join(downloads, `${basename(pin.package)}-${pin.version}`)
  rmSync(unpacked, { recursive: true, force: true })
  await extractTarball(file, unpacked)
  check(unpacked)
  mkdirSync(dirname(folder), { recursive: true })
  rmSync(folder, { recursive: true, force: true })
  renameSync(unpacked, folder)
  rmSync(file, { force: true })
}

async function downloadVerified(pin, file, settings, context) {
  const url = `${settings.registry}${pin.package}/-/${basename(pin.package)}-${pin.version}.tgz`
  const wasPartial = sizeOf(file) > 0
  let cause
  if (!settings.hasProxy) {
    try {
      await download(url, file, pin, settings.ca)
      if (wasPartial && (await integrityOf(file)) !== pin.integrity) {
        rmSync(file)
        await download(url, file, pin, settings.ca)
      }
    } catch (error) {
      cause = error
    }
  }
  // npm knows proxies, tokens and unusual registries; it only cannot show how far it is.
  if (settings.hasProxy || cause) packWithNpm(pin, file, url, cause, context)
  const actual = await integrityOf(file)
  if (actual !== pin.integrity) {
    rmSync(file, { force: true })
    throw new BootstrapError(
      `${pin.package}@${pin.version} from ${settings.registry} has the hash ${actual}, expected ${pin.integrity}`,
      'The file was refused and removed. Start again; if it happens again, the registry serves something else: check `npm config get registry`.',
    )
  }
}

async function download(url, file, pin, ca) {
  let totalBytes = pin.sizeBytes
  let doneBytes = sizeOf(file)
  const label = `${pin.package} ${pin.version}`
  const progress = startProgress(label, () => ({
    text: totalBytes ? `${formatMegabytes(doneBytes)} of ${formatMegabytes(totalBytes)}` : formatMegabytes(doneBytes),
    doneBytes,
    doneShare: totalBytes ? doneBytes / totalBytes : 0,
  }))
  say(`fetching ${label}${totalBytes ? ` (${formatMegabytes(totalBytes)})` : ''} from ${new URL(url).origin}`)
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await request(url, sizeOf(file), ca)
        if (response === undefined) return
        const isResumed = response.statusCode === 206
        doneBytes = isResumed ? sizeOf(file) : 0
        const length = Number(response.headers['content-length'])
        if (length > 0) totalBytes = doneBytes + length
        response.on('data', (part) => {
          doneBytes += part.length
        })
        await pipeline(response, createWriteStream(file, { flags: isResumed ? 'a' : 'w' }))
        return
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || error.isFinal || UNREACHABLE.has(error.code)) throw error
        say(`${label}: ${error.message}; trying again`)
        await sleep(500 * 2 ** attempt)
      }
    }
  } finally {
    progress.stop()
  }
}

/** The response to read, or undefined where the file is complete already (416). */
async function request(url, offsetBytes, ca, redirectsLeft = REDIRECTS_MAX) {
  const response = await new Promise((resolve, reject) => {
    const headers = offsetBytes > 0 ? { range: `bytes=${offsetBytes}-` } : {}
    const client = url.startsWith('http:') ? http : https
    const sent = client.get(url, { headers, timeout: IDLE_TIMEOUT_MS, ...(ca ? { ca } : {}) }, resolve)
    sent.on('timeout', () => sent.destroy(new Error(`no data for ${IDLE_TIMEOUT_MS / 1000} s`)))
    sent.on('error', reject)
  })
  const { statusCode, headers } = response
  if (statusCode === 200 || statusCode === 206) return response
  response.resume()
  if (statusCode === 416) return undefined
  if (statusCode >= 300 && statusCode < 400 && headers.location && redirectsLeft > 0) {
    return request(new URL(headers.location, url).href, offsetBytes, ca, redirectsLeft - 1)
  }
  throw Object.assign(new Error(`${url} answered ${statusCode}`), { isFinal: statusCode < 500 })
}

function packWithNpm(pin, file, url, cause, { root, npmCli }) {
  say(`fetching ${pin.package} ${pin.version} through npm${cause ? ` (directly: ${cause.message})` : ''}`)
  const folder = dirname(file)
  const args = [
    npmCli,
    'pack',
    `${pin.package}@${pin.version}`,
    '--pack-destination',
    folder,
    '--ignore-scripts',
    '--fetch-retries=0',
  ]
  const result = spawnSync(process.execPath, [...args, '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 2],
  })
  const packed = join(folder, `${pin.package.replace(/^@/, '').replace('/', '-')}-${pin.version}.tgz`)
  if (result.status !== 0 || sizeOf(packed) === 0) {
    throw new BootstrapError(
      `cannot fetch ${pin.package}@${pin.version}: ${cause?.message ?? `npm pack exited with ${result.status}`}`,
      `Only the npm registry is needed (${url}). Check the network, \`npm config get registry\` and \`npm config get https-proxy\`, then start again: it goes on where it stopped.`,
      { cause },
    )
  }
  if (packed !== file) renameSync(packed, file)
}

async function integrityOf(file) {
  const hash = createHash('sha512')
  await pipeline(createReadStream(file), hash)
  return `sha512-${hash.digest('base64')}`
}

function sizeOf(file) {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}
