import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { DevnetNode } from '#node/cli/devnet/child.ts'
import type { ModelView, PeerView, StampedEvent } from '#protocol/api/control.ts'
import { stunServer, type TestHost, TestInternet, whyNoNamespaces } from './netns.fixture.ts'
import { bundledModel, until } from './swarm.fixture.ts'

const reason = whyNoNamespaces()
if (reason !== undefined) console.info(`skipped: nodes behind NAT need network namespaces, and ${reason}`)

describe.skipIf(reason !== undefined)('behind NAT', () => {
  let internet: TestInternet
  let folder: string
  let relayHost: TestHost
  let relay: DevnetNode
  let relayAddress: string
  /** Anew each time: a test that is tried again begins with new nodes. */
  let folders = 0
  const at = (name: string) => join(folder, `${name}-${++folders}`)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hart-netns-'))
    internet = await TestInternet.create()
    relayHost = await internet.publicHost('relay')
    internet.startProgram(relayHost, stunServer)
    relay = await internet.startNode(relayHost, at('relay'), '--public', '--no-mdns')
    relayAddress = relay.ready!.addresses.find((address) => address.includes(relayHost.address))!
  })
  // Also those of a test that failed: to the next one they would be strangers with the same model.
  afterEach(() => internet.stopNodes([relay]))
  afterAll(async () => {
    await internet.close()
    await rm(folder, { recursive: true, force: true })
  })

  const startAt = (host: TestHost, name: string, ...args: string[]) =>
    internet.startNode(host, at(name), '--public', '--no-mdns', '--bootstrap', relayAddress, ...args)
  const knows = (host: TestHost, node: DevnetNode) =>
    until('the model and its holder are known', async () => {
      const [models] = await internet.hart<ModelView[]>(host, node, 'models', 'ls')
      return models!.some((model) => model.holders > 0)
    })
  /** Bytes by transport, and what the file has become. */
  const pull = async (host: TestHost, node: DevnetNode) => {
    const events = await internet.hart<StampedEvent>(host, node, 'pull', 'hartling-f16')
    const last = events.findLast((event) => event.event === 'transfer-progress')
    const sources = last?.event === 'transfer-progress' ? last.sources : []
    const [model] = await internet.hart<ModelView>(host, node, 'models', 'show', 'hartling-f16')
    expect((await readFile(model!.files[0]!)).equals(await readFile(bundledModel))).toBe(true)
    return sources.filter((source) => source.bytes > 0).map(({ transport, peerId }) => ({ transport, peerId }))
  }
  const addressesOf = async (host: TestHost, node: DevnetNode, peerId: string) => {
    const [peers] = await internet.hart<PeerView[]>(host, node, 'peers')
    return peers!.find((peer) => peer.peerId === peerId)?.addresses ?? []
  }

  test('NAT: a public node fetches from a home that it cannot dial, which dials out to it, at the latest after a while', async () => {
    const home = await internet.home('giver')
    // Slow, so that a fetch that began through the relay has the time to change over.
    const slowly = ['--set', 'data.uploadRate=400kB/s']
    const giver = await startAt(home, 'giver', '--set', 'network.webrtc=false', ...slowly, '--ingest', bundledModel)
    const host = await internet.publicHost('asker')
    const asker = await startAt(host, 'asker', '--set', 'network.webrtc=false')
    await knows(host, asker)
    expect(await pull(host, asker)).toEqual([{ transport: 'tls-reverse', peerId: giver.ready!.peerId }])
  })

  test('NAT: of two homes one fetches from the other through the relay', async () => {
    const [hostA, hostB] = [await internet.home('a'), await internet.home('b')]
    const a = await startAt(hostA, 'a', '--set', 'network.webrtc=false', '--ingest', bundledModel)
    const b = await startAt(hostB, 'b', '--set', 'network.webrtc=false')
    await knows(hostB, b)
    expect(await pull(hostB, b)).toEqual([{ transport: 'libp2p', peerId: a.ready!.peerId }])
    for (const address of await addressesOf(hostB, b, a.ready!.peerId)) expect(address).toContain('/p2p-circuit')
  })

  test('mDNS: two nodes of one network that were told of nobody find each other; one with --dht-only stays alone', async () => {
    const hosts = [await internet.lanHost('lan1'), await internet.lanHost('lan2'), await internet.lanHost('lan3')]
    const listen = ['--listen', '/ip4/0.0.0.0/tcp/0']
    const alone = await internet.startNode(hosts[2]!, at('lan3'), ...listen, '--dht-only')
    const first = await internet.startNode(hosts[0]!, at('lan1'), ...listen)
    const second = await internet.startNode(hosts[1]!, at('lan2'), ...listen)
    const peers = async (host: TestHost, node: DevnetNode) => (await internet.hart<PeerView[]>(host, node, 'peers'))[0]!
    await until('they meet', async () => (await peers(hosts[0]!, first)).length === 1)
    expect(await peers(hosts[0]!, first)).toMatchObject([{ peerId: second.ready!.peerId }])
    expect(await peers(hosts[2]!, alone)).toEqual([])
  })

  test('NAT: two homes with WebRTC find a direct way, and chunks take it', async () => {
    const stun = ['--set', `network.stunServers=stun:${relayHost.address}:3478`]
    const [hostA, hostB] = [await internet.home('c'), await internet.home('d')]
    const a = await startAt(hostA, 'c', ...stun, '--ingest', bundledModel)
    const b = await startAt(hostB, 'd', ...stun)
    await knows(hostB, b)
    await until('a direct connection', async () =>
      (await addressesOf(hostB, b, a.ready!.peerId)).some((address) => address.includes('/webrtc')),
    )
    expect(await pull(hostB, b)).toEqual([{ transport: 'libp2p', peerId: a.ready!.peerId }])
  })
})
