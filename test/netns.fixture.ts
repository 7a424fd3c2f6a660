/**
 * A small internet of Linux network namespaces: one public network, public hosts on it, and homes behind routers that let
 * connections out and none in. Needs root, `ip` and `nft`; nothing of it is seen outside.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DevnetNode } from '#node/cli/devnet/child.ts'

const run = promisify(execFile)
const executable = fileURLToPath(new URL('../node/bin/main.ts', import.meta.url))
/** Addresses that count as public, so that libp2p announces and dials them. Nothing leaves the namespaces. */
const publicPrefix = '45.0.0'
const lanPrefix = '10.77.0'
/** Only this network is shared: its name may not be that of another test run on this machine. */
const runName = `hart${process.pid}`

const routerRules = `
table ip nat {
  chain outgoing {
    type nat hook postrouting priority 100
    oifname "public" masquerade
  }
}
table ip filter {
  chain forwarding {
    type filter hook forward priority 0
    iifname "public" ct state new drop
  }
  chain incoming {
    type filter hook input priority 0
    iifname "public" ct state new drop
  }
}
`

/** Why no namespaces can be made here; `undefined` where they can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'it is not Linux'
  if (process.getuid?.() !== 0) return 'it takes root'
  const name = `${runName}-try`
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input: routerRules, stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `ip and nft do not work: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  } finally {
    try {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'pipe' })
    } catch {
      // It was not made.
    }
  }
}

/** One machine of the internet. */
export interface TestHost {
  namespace: string
  address: string
}

export class TestInternet {
  /** Full names, newest last; a test that is tried again makes its hosts anew. */
  readonly #namespaces: string[] = []
  readonly #fullNames = new Map<string, string>()
  readonly #nodes: DevnetNode[] = []
  #hosts = 0
  #homes = 0

  static async create(): Promise<TestInternet> {
    const internet = new TestInternet()
    await internet.#add('wan')
    await internet.#ip('wan', 'link add bridge type bridge')
    await internet.#ip('wan', 'link set bridge up')
    return internet
  }

  /** Reachable by everybody. */
  async publicHost(name: string): Promise<TestHost> {
    await this.#add(name)
    const address = await this.#plug(name)
    return { namespace: this.#full(name), address }
  }

  /** On one wire with its like: no router, private addresses, multicast. */
  async lanHost(name: string): Promise<TestHost> {
    await this.#add(name)
    const address = await this.#plug(name, lanPrefix)
    await this.#ip(name, 'route add 224.0.0.0/4 dev public')
    return { namespace: this.#full(name), address }
  }

  /** Behind a router of its own: connections go out, none comes in. */
  async home(name: string): Promise<TestHost> {
    const router = `${name}-router`
    await this.#add(router)
    await this.#add(name)
    await this.#plug(router)
    const lan = `192.168.${++this.#homes}`
    await this.#ip(router, `link add lan type veth peer name eth0 netns ${this.#full(name)}`)
    await this.#ip(router, `addr add ${lan}.1/24 dev lan`)
    await this.#ip(router, 'link set lan up')
    await this.#ip(name, `addr add ${lan}.2/24 dev eth0`)
    await this.#ip(name, 'link set eth0 up')
    await this.#ip(name, `route add default via ${lan}.1`)
    await run('ip', ['netns', 'exec', this.#full(router), 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
    const nft = spawn('ip', ['netns', 'exec', this.#full(router), 'nft', '-f', '-'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    nft.stdin.end(routerRules)
    const status = await new Promise((resolve) => nft.once('close', resolve))
    if (status !== 0) throw new Error(`nft ended with ${status}`)
    return { namespace: this.#full(name), address: `${lan}.2` }
  }

  async startNode(host: TestHost, dataDir: string, ...args: string[]): Promise<DevnetNode> {
    const node = new DevnetNode(this.#nodes.length, dataDir, args, inside(host))
    this.#nodes.push(node)
    await node.start(AbortSignal.timeout(30_000))
    return node
  }

  /** `hart …` on that host, with `--json`. */
  async hart<T>(host: TestHost, node: DevnetNode, ...args: string[]): Promise<T[]> {
    const [file, ...rest] = [
      ...inside(host),
      process.execPath,
      executable,
      ...args,
      '--json',
      '--data-dir',
      node.dataDir,
    ]
    const { stdout } = await run(file!, rest, { timeout: 60_000 })
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as T)
  }

  /** A program of Node's on that host, until the internet is closed. */
  startProgram(host: TestHost, source: string): void {
    const [file, ...rest] = [...inside(host), process.execPath, '--input-type=module', '-e', source]
    spawn(file!, rest, { stdio: 'ignore' }).unref()
  }

  async stopNodes(except: readonly DevnetNode[] = []): Promise<void> {
    await Promise.all(this.#nodes.filter((node) => !except.includes(node)).map((node) => node.stop()))
  }

  async close(): Promise<void> {
    await this.stopNodes()
    for (const name of this.#namespaces.toReversed()) {
      const { stdout } = await run('ip', ['netns', 'pids', name])
      for (const pid of stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL')
      await run('ip', ['netns', 'del', name])
    }
  }

  #full(name: string): string {
    const full = this.#fullNames.get(name)
    if (full === undefined) throw new Error(`there is no host ${name}`)
    return full
  }

  async #add(name: string): Promise<void> {
    const full = `${runName}-${this.#namespaces.length}-${name}`
    await run('ip', ['netns', 'add', full])
    this.#namespaces.push(full)
    this.#fullNames.set(name, full)
    await this.#ip(name, 'link set lo up')
  }

  async #plug(name: string, prefix = publicPrefix): Promise<string> {
    const port = `port${++this.#hosts}`
    const address = `${prefix}.${this.#hosts}`
    await this.#ip(name, `link add public type veth peer name ${port} netns ${this.#full('wan')}`)
    await this.#ip(name, `addr add ${address}/24 dev public`)
    await this.#ip(name, 'link set public up')
    await this.#ip('wan', `link set ${port} master bridge up`)
    return address
  }

  #ip(name: string, command: string) {
    return run('ip', ['-n', this.#full(name), ...command.split(' ')])
  }
}

function inside(host: TestHost): string[] {
  return ['ip', 'netns', 'exec', host.namespace]
}

/** Answers STUN binding requests (RFC 8489, section 14.2: XOR-MAPPED-ADDRESS) and nothing else. */
export const stunServer = `
import { createSocket } from 'node:dgram'
const magic = [0x21, 0x12, 0xa4, 0x42]
const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  if (message.readUInt16BE(0) !== 0x0001) return
  const answer = Buffer.alloc(32)
  answer.writeUInt16BE(0x0101, 0)
  answer.writeUInt16BE(12, 2)
  message.copy(answer, 4, 4, 20)
  answer.writeUInt16BE(0x0020, 20)
  answer.writeUInt16BE(8, 22)
  answer[25] = 1
  answer.writeUInt16BE(port ^ 0x2112, 26)
  address.split('.').forEach((byte, index) => { answer[28 + index] = Number(byte) ^ magic[index] })
  socket.send(answer, port, address)
})
socket.bind(3478)
`
