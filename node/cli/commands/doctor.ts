/** `hart doctor`: checks what a node needs, and names the remedy of what it finds. */
import { access, constants, mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { loadNative } from '#native/index.ts'
import type { StatusView } from '#protocol/api/control.ts'
import { loadBlake3 } from '#protocol/codec/blake3.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { formatBytes, GiB, minute } from '#protocol/units.ts'
import { type Config, readConfigFile, resolveConfig } from '../../config/index.ts'
import { isLoopbackOnly, ownAddresses } from '../../runtime/endpoints.ts'
import { checkChain, checkLedger } from '../chain-findings.ts'
import type { Command, CommandContext } from '../command.ts'
import { checkStore, type Finding } from '../store-findings.ts'

const freeDiskWarnBytes = 2 * GiB
/** Leases and releases carry times; a clock that is further off than this makes them look old. */
const clockSkewMaxMs = 2 * minute

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check addresses, clock, disk, ports and native parts, and name the remedies.',
  examples: ['hart doctor', 'hart doctor --json'],
  async run(context) {
    const { output, paths, environment } = context
    const { config } = resolveConfig({}, environment, await readConfigFile(paths.configFile))
    const running = await runningStatus(context)
    const findings = (
      await Promise.all([
        checkNode(),
        checkDisk(paths.dataDir, config),
        checkStore(config, paths.dataDir, environment),
        checkLedger(config, paths.dataDir, running === undefined ? undefined : await context.connect()),
        checkChain(config, paths.dataDir),
        checkHash(),
        checkAddon(),
        checkWebRtc(config),
        checkEngine(config),
        running === undefined ? checkPorts(config) : checkSwarm(running),
        checkAddresses(config),
        checkClock(),
      ])
    ).flat()
    if (output.json) output.value({ running: running !== undefined, findings })
    else {
      for (const { check, level, text, remedy } of findings) {
        const mark =
          level === 'ok'
            ? output.paint('green', 'ok  ')
            : level === 'note'
              ? output.paint('yellow', 'note')
              : output.paint('red', 'FAIL')
        output.line(`${mark}  ${check.padEnd(9)}  ${text}`)
        if (remedy !== undefined) output.line(`      ${' '.repeat(9)}  fix: ${remedy}`)
      }
    }
    return findings.some((finding) => finding.level === 'fail') ? 1 : 0
  },
}

async function runningStatus(context: CommandContext): Promise<StatusView | undefined> {
  try {
    return await (await context.connect()).get<StatusView>('/api/v1/status')
  } catch (error) {
    if (isHartonomousError(error, 'ERR_NODE_NOT_RUNNING')) return undefined
    throw error
  }
}

async function checkNode(): Promise<Finding[]> {
  const text = `Node ${process.version} on ${process.platform}-${process.arch}, ${availableParallelism()} cores, ${formatBytes(totalmem())} memory`
  return [{ check: 'machine', level: 'ok', text }]
}

async function checkDisk(dataDir: string, config: Config): Promise<Finding[]> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.W_OK)
    const probe = join(dataDir, `.probe-${process.pid}`)
    await writeFile(probe, 'probe')
    await rm(probe)
    const { bavail, bsize } = await statfs(dataDir)
    const freeBytes = bavail * bsize
    const text = `${formatBytes(freeBytes)} free at ${dataDir}`
    if (freeBytes < config['pledge.disk']) {
      return [
        {
          check: 'disk',
          level: 'fail',
          text: `${text}, less than the pledge of ${formatBytes(config['pledge.disk'])}`,
          remedy: 'hart config set pledge.disk SIZE, or free disk space',
        },
      ]
    }
    if (freeBytes < freeDiskWarnBytes) return [{ check: 'disk', level: 'note', text, remedy: 'free disk space' }]
    return [{ check: 'disk', level: 'ok', text }]
  } catch (error) {
    return [
      {
        check: 'disk',
        level: 'fail',
        text: (error as Error).message,
        remedy: `make ${dataDir} writable, or use --data-dir`,
      },
    ]
  }
}

function checkAddon(): Finding[] {
  const { implementation, reason } = loadNative()
  if (implementation === 'addon') return [{ check: 'weights', level: 'ok', text: 'native addon' }]
  const remedy = 'install CMake and a C++ compiler, then npm run build:native'
  return [
    { check: 'weights', level: 'note', text: `decoded in TypeScript, about four times slower: ${reason}`, remedy },
  ]
}

async function checkHash(): Promise<Finding[]> {
  const engine = await loadBlake3()
  if (engine === 'native') return [{ check: 'hashing', level: 'ok', text: 'BLAKE3 native' }]
  return [
    {
      check: 'hashing',
      level: 'note',
      text: 'BLAKE3 as WebAssembly, about eight times slower',
      remedy: 'npm install brings the native part where there is one for this platform',
    },
  ]
}

async function checkWebRtc(config: Config): Promise<Finding[]> {
  if (!config['network.webrtc']) return []
  const { loadWebRtc } = await import('../../network/index.ts')
  if ((await loadWebRtc()) !== undefined) return [{ check: 'webrtc', level: 'ok', text: 'WebRTC native' }]
  return [
    {
      check: 'webrtc',
      level: 'note',
      text: 'there is no native WebRTC for this platform: two nodes behind routers talk through a relay',
      remedy: 'forward a port of the router to network.listen',
    },
  ]
}

async function checkEngine(config: Config): Promise<Finding[]> {
  if (!config['inference.enabled'])
    return [
      { check: 'engine', level: 'note', text: 'inference is off', remedy: 'hart config set inference.enabled true' },
    ]
  const { createLlamaEngine } = await import('../../inference/index.ts')
  const engine = createLlamaEngine({ gpu: config['inference.gpu'] === 'off' ? false : 'auto' })
  try {
    const { build, device } = await engine.start()
    return [{ check: 'engine', level: 'ok', text: `llama.cpp ${build} on ${device}` }]
  } catch (error) {
    return [
      {
        check: 'engine',
        level: 'fail',
        text: (error as Error).message,
        remedy: 'npm install; hart config set inference.gpu off',
      },
    ]
  } finally {
    await engine.close()
  }
}

async function checkPorts(config: Config): Promise<Finding[]> {
  const wanted: [string, string, number][] = [['API', config['api.host'], config['api.port']]]
  if (config['data.port'] !== 0) wanted.push(['data plane', config['data.host'], config['data.port']])
  for (const address of config['network.listen']) {
    const match = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)$/.exec(address)
    if (match) wanted.push(['swarm', match[1]!, Number(match[2])])
  }
  return Promise.all(wanted.map(([what, host, port]) => checkPort(what, host, port)))
}

function checkPort(what: string, host: string, port: number): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) =>
      resolve({
        check: 'ports',
        level: 'fail',
        text: `${what}: ${host}:${port} ${(error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'is in use by another program, perhaps another node' : error.message}`,
        remedy: 'stop what uses it, or hart config set api.port / network.listen / data.port',
      }),
    )
    server.listen({ host, port }, () =>
      server.close(() => resolve({ check: 'ports', level: 'ok', text: `${what}: ${host}:${port} is free` })),
    )
  })
}

async function checkSwarm(status: StatusView): Promise<Finding[]> {
  const text = `running (pid ${status.pid}), ${status.peersConnected} peers, DHT ${status.dht.mode} with ${status.dht.routingTableSize} peers`
  const finding: Finding = {
    check: 'swarm',
    level: status.state === 'degraded' ? 'fail' : status.peersConnected > 0 ? 'ok' : 'note',
    text: `${text}; ${status.state}: ${status.reason}`,
  }
  return [status.help === undefined ? finding : { ...finding, remedy: status.help }]
}

async function checkAddresses(config: Config): Promise<Finding[]> {
  if (isLoopbackOnly(config))
    return [
      {
        check: 'addresses',
        level: 'note',
        text: 'the swarm listener is on loopback: only this machine reaches it',
        remedy: 'hart up --public',
      },
    ]
  const own = ownAddresses()
  // RFC 6598: a provider's own NAT; nobody outside can dial such an address.
  const isBehindCarrier = own.some((address) => /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(address))
  if (isBehindCarrier)
    return [
      {
        check: 'addresses',
        level: 'note',
        text: `carrier-grade NAT (${own.join(', ')})`,
        remedy: 'relays are used; a public IPv6 address would help',
      },
    ]
  return [{ check: 'addresses', level: 'ok', text: own.join(', ') || 'none beside loopback' }]
}

/** Without asking anybody outside: the build is younger than the present, and the monotonic and the wall clock run alike. */
async function checkClock(): Promise<Finding[]> {
  const driftMs = Math.abs(Date.now() - (performance.timeOrigin + performance.now()))
  const isOld = Date.now() < Date.UTC(2026, 0, 1)
  if (isOld || driftMs > clockSkewMaxMs)
    return [
      {
        check: 'clock',
        level: 'fail',
        text: `the clock says ${new Date().toISOString()}`,
        remedy: 'set the clock (NTP): leases and releases carry times',
      },
    ]
  return [{ check: 'clock', level: 'ok', text: new Date().toISOString() }]
}
