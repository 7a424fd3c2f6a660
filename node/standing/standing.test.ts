/** Real nodes, and a real chain in this process: whose standing is what, and who is asked first by it. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { peerIdPublicKey } from '#protocol/codec/signature.ts'
import { encodeLease, encodeSignedLease, heartbeatProtocol, leaseSigningBytes } from '#protocol/heartbeat/index.ts'
import { type ModelId, type PeerId, parseAddress } from '#protocol/ids.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import type { PaymentTerms } from '#protocol/payment/message.ts'
import { hour, minute } from '#protocol/units.ts'
import { StakingClient, TokenClient } from '../chain/chain.ts'
import { startDeployedHardhat } from '../chain/hardhat.fixture.ts'
import { openChannel } from '../runtime/channel.ts'
import { bundledModel, ingest, pull, type TestNode, TestNodes, until } from '../runtime/node.fixture.ts'
import { Transfer } from '../swarm/index.ts'
import { CachedStandings, payeesOnChain } from './index.ts'
import { newcomerScore, suspectScore } from './score.ts'

const HART = 10n ** 18n

let nodes: TestNodes
beforeEach(async () => {
  nodes = await TestNodes.create()
})
afterEach(() => nodes.close())

const idOf = (node: TestNode) => node.node.parts.network.peerId
const standingOf = async (node: TestNode, peer: TestNode) => (await node.controller.peer(idOf(peer))).standing

/** A lease as the peer itself would send it, but for what it says of payment. */
async function tellPayment(from: TestNode, to: TestNode, payment: PaymentTerms): Promise<void> {
  const { network } = from.node.parts
  const known = await until('its lease', () => to.node.parts.leases.get(network.peerId)?.signed.lease)
  const nowMs = Date.now()
  const times = { epoch: known.epoch + hour, issuedAtMs: nowMs, expiresAtMs: nowMs + leaseTtlMs }
  const lease = { ...known, ...times, payment }
  const bytes = encodeLease(lease)
  const signed = encodeSignedLease({ lease, bytes, signature: await network.sign(leaseSigningBytes(bytes)) })
  await network.request(to.node.parts.network.peerId, heartbeatProtocol.id, signed, {
    frameBytesMax: heartbeatProtocol.frameBytesMax,
  })
}

/** Serves other bytes in a chunk or two, and believes in them itself. */
async function beginToLie(liar: TestNode, modelId: ModelId): Promise<void> {
  const { shard, dataPlane } = liar.node.parts
  const model = shard.get(modelId)!
  const path = join(nodes.folder, 'wrong.gguf')
  await writeFile(path, (await readFile(bundledModel)).fill(0x5a, 1_000_000, 1_060_000))
  const [file] = model.content.files
  const { leaves, identity } = await dataPlane.hashFile({ jobId: 'wrong', path, extents: file!.extents })
  await dataPlane.removeModel(modelId)
  const { extents, sizeBytes } = file!
  const files = [{ path, sizeBytes, identity, extents }]
  await dataPlane.addModel({ modelId, files, leaves, held: Bitfield.full(model.places.length).bytes })
}

test('standing: verified bytes raise a peer above a newcomer; wrong ones put it below at once, whatever was right, also after a restart', async () => {
  const seed = await nodes.start('seed')
  const liar = await nodes.start('liar', [seed])
  const modelId = (await ingest(liar, bundledModel)) as ModelId
  await beginToLie(liar, modelId)
  let fetcher = await nodes.start('fetcher', [seed, liar])
  expect((await standingOf(fetcher, liar)).score).toBe(newcomerScore)
  const pulled = pull(fetcher, { model: modelId })
  const before = await until('right bytes and wrong ones', async () => {
    const [transfer] = (await fetcher.controller.status()).transfers
    const found = await standingOf(fetcher, liar)
    return transfer !== undefined && transfer.chunksRejected > 0 && found.seen.bytes > 1_500_000 && found
  })
  // A copy that fails its hash may be nobody's fault: only a right one shows whose it is.
  expect(before.seen.wrongBytes).toBe(0)
  expect(before.score).toBeGreaterThan(newcomerScore)
  await ingest(seed, bundledModel)
  await pulled
  expect(fetcher.said.filter((event) => event.event === 'source-end' && event.banned)).toMatchObject([
    { peerId: idOf(liar) },
  ])
  const after = await standingOf(fetcher, liar)
  expect(after).toMatchObject({ group: 'suspect', seen: { wrongBytes: expect.closeTo(1, 3) } })
  expect(after.seen.bytes).toBeGreaterThan(1_500_000)
  expect(after.score).toBeLessThan(suspectScore)
  const ofSeed = await standingOf(fetcher, seed)
  expect(ofSeed.score).toBeGreaterThan(newcomerScore)
  const { size } = await stat(bundledModel)
  expect((ofSeed.seen.bytes + after.seen.bytes) / size).toBeCloseTo(1, 3)
  await nodes.stop(fetcher)
  fetcher = await nodes.start('fetcher', [seed, liar])
  expect((await standingOf(fetcher, liar)).score).toBeCloseTo(after.score, 4)
  expect((await standingOf(fetcher, seed)).score).toBeCloseTo(ofSeed.score, 4)
})

test('standing: one with proven stake is asked first, one who names its payee gains nothing, one that broke its word is asked last', async () => {
  const { hardhat, chain } = await startDeployedHardhat()
  try {
    const slow = { 'data.uploadRate': 200_000 }
    const staker = await nodes.start('staker', [], slow)
    const [thief, breaker] = await Promise.all([nodes.start('thief', [staker], slow), nodes.start('breaker', [staker])])
    const modelId = (await ingest(staker, bundledModel)) as ModelId
    await Promise.all([thief, breaker].map((holder) => ingest(holder, bundledModel)))
    const fetcher = await nodes.start('fetcher', [staker, thief, breaker])

    // Account 1 is the payee: it stakes for the identity of one of them.
    const signer = await hardhat.signer(1)
    const payee = parseAddress(await signer.getAddress())
    await new TokenClient(chain).transfer(payee, 5000n * HART).send(await hardhat.signer(0))
    await new TokenClient(chain).approve(chain.addresses.Staking, 5000n * HART).send(signer)
    await new StakingClient(chain).register(peerIdPublicKey(idOf(staker)), 0, 5000n * HART).send(signer)
    const { Escrow: escrow, Disputes: disputes } = chain.addresses
    const domain = { chainId: chain.chainId, escrow, disputes }
    const terms = { ...domain, payee, signer: payee, prices: { weiPerGiB: 0n, weiPerKiloToken: 0n } }
    const { parts } = fetcher.node
    const { standing } = parts
    const source = payeesOnChain(domain, async () => chain)
    standing.useChain(new CachedStandings({ source, now: Date.now, log: fetcher.node.log }))
    await tellPayment(staker, fetcher, terms)
    await tellPayment(thief, fetcher, terms)
    const ofStaker = await until('the chain of the staker', async () => {
      const found = await standingOf(fetcher, staker)
      return found.chain.state === 'bound' && found
    })
    expect(ofStaker).toMatchObject({ group: 'proven', chain: { stakeWei: String(5000n * HART), disputesLost: 0 } })
    const ofThief = await standingOf(fetcher, thief)
    expect(ofThief).toMatchObject({ score: newcomerScore, group: 'newcomer', chain: { state: 'borrowed' } })
    for (let times = 0; times < 2; times++) await standing.blame(idOf(breaker), 'brokenPromises')

    // One place, offered in the worst order; who gets it shows in whose bytes come.
    const release = (await parts.library.find(modelId, AbortSignal.timeout(minute))).release
    const model = await parts.library.open(release, AbortSignal.timeout(minute))
    let skewMs = 0
    const transfer = new Transfer(modelId, Bitfield.full(model.places.length), {
      ...parts,
      sourcesMax: 1,
      isAffordable: () => true,
      dataHosts: () => [],
      openChannel: (peerId, signal) => openChannel(parts.network, parts.dataPlane, peerId, signal),
      now: () => Date.now() + skewMs,
      log: fetcher.node.log,
    })
    const served: PeerId[] = []
    parts.dataPlane.on('fetch-progress', ({ sources }) => {
      for (const { peerId, bytes } of sources)
        if (bytes > 0 && !served.includes(peerId as PeerId)) served.push(peerId as PeerId)
    })
    const offer = () => {
      for (const peer of [breaker, thief, staker]) if (!peer.isStopped) transfer.suggest(idOf(peer))
    }
    // A lease is over after half a minute, which a busy machine may take to come here.
    await tellPayment(staker, fetcher, terms)
    await transfer.start()
    offer()
    for (const peer of [staker, thief, breaker]) {
      await until(`bytes of ${peer.name}`, () => served.includes(idOf(peer)))
      if (peer === breaker) break
      await nodes.stop(peer)
      // What a stopped peer leaves is free after a while without bytes; the others are offered it again.
      skewMs += minute
      offer()
    }
    await transfer.finished
    expect(served).toEqual([idOf(staker), idOf(thief), idOf(breaker)])
  } finally {
    await hardhat.close()
  }
})
