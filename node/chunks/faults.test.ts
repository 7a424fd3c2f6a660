/** Sources that fail on the wire, and fetchers that are killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { flushBatchBytes } from '#protocol/limits.ts'
import { KiB, MiB } from '#protocol/units.ts'
import type { FetcherMessage } from './fetcher.fixture.ts'
import { type TestModel, type TestNode, TestSwarm, testModel } from './swarm.fixture.ts'

const swarm = new TestSwarm()
const cleanups: (() => void)[] = []
beforeEach(() => swarm.open())
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup()
  await swarm.close()
})

/** A wire between fetcher and seed that can be cut or frozen after some bytes. */
async function wireTo(node: TestNode, afterBytes: number, fault: 'cut' | 'freeze'): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(node.core.endpoint.port, '127.0.0.1')
    let passed = 0
    far.on('data', (bytes) => {
      passed += bytes.length
      if (passed < afterBytes) near.write(bytes)
      else if (fault === 'cut') near.destroy()
      else far.pause()
    })
    near.on('data', (bytes) => far.write(bytes))
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}

for (const fault of ['cut', 'freeze'] as const) {
  test(`faults: a source whose wire is ${fault === 'cut' ? 'cut' : 'frozen'} in mid-chunk costs nothing that others can bring`, async () => {
    const model = testModel([12 * MiB])
    const steady = await swarm.node({ uploadBytesPerSecond: 8 * MiB })
    const failing = await swarm.node()
    const fetcher = await swarm.node()
    await steady.seed(model)
    await failing.seed(model)
    const path = await fetcher.want(model)
    await fetcher.fetchAll(model)
    const have = Bitfield.full(model.chunkCount).bytes
    const port = await wireTo(failing, 3 * MiB + 100 * KiB, fault)
    await fetcher.core.addSource(model.modelId, { ...failing.offer(fetcher), port }, have)
    await fetcher.addSource(model, steady)
    await fetcher.until('fetch-complete')
    expect((await readFile(path)).equals(model.bytes)).toBe(true)
    expect(fetcher.payloads('source-end').filter((end) => end.banned)).toEqual([])
    if (fault === 'cut') expect(fetcher.payloads('source-end')[0]!.peerId).toBe(failing.peerId)
  })
}

test('faults: a source that is not there, and one with another certificate, are errors of their own', async () => {
  const model = testModel([MiB])
  const seed = await swarm.node()
  const other = await swarm.node()
  const fetcher = await swarm.node()
  await seed.seed(model)
  await fetcher.want(model)
  await fetcher.fetchAll(model)
  const have = Bitfield.full(model.chunkCount).bytes
  const offer = seed.offer(fetcher)
  const gone = fetcher.core.addSource(model.modelId, { ...offer, port: 1 }, have)
  await expect(gone).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
  const { certificateSha256 } = other.core.endpoint
  const impostor = fetcher.core.addSource(model.modelId, { ...offer, certificateSha256 }, have)
  await expect(impostor).rejects.toMatchObject({ code: 'ERR_PEER_PROTOCOL' })
  const refused = { ...offer, token: new Uint8Array(32) }
  await fetcher.core.addSource(model.modelId, refused, have)
  expect((await fetcher.until('source-end')).banned).toBe(false)
  const { modelId } = testModel([10], 'unknown')
  await expect(fetcher.core.addSource(modelId, offer, have)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})

/** A fetcher in a process of its own, which tells what it holds as a store would record it. */
class FetcherProcess {
  readonly held: Bitfield
  readonly child: ChildProcess
  readonly complete: Promise<number>

  constructor(model: TestModel, path: string, held: Bitfield, seed: TestNode) {
    this.held = held
    this.child = fork(new URL('./fetcher.fixture.ts', import.meta.url), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    cleanups.push(() => this.child.kill('SIGKILL'))
    const done = Promise.withResolvers<number>()
    this.complete = done.promise
    this.child.on('message', (message: FetcherMessage) => {
      if ('held' in message) for (const index of message.held) this.held.set(index)
      else if ('certificateSha256' in message) {
        const { host, port, certificateSha256 } = seed.core.endpoint
        const token = seed.core.issueToken('fetcher' as never, message.certificateSha256)
        const source = { transport: 'tls', peerId: seed.peerId, host, port, certificateSha256 }
        this.#send({ source, token: Buffer.from(token).toString('hex') })
      } else done.resolve(message.receivedBytes)
    })
    const { modelId, extents, leaves, bytes } = model
    const hex = (part: Uint8Array) => Buffer.from(part).toString('hex')
    this.#send({ modelId, path, sizeBytes: bytes.length, extents, leaves: hex(leaves), held: hex(held.bytes) })
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await gone
  }

  #send(message: object): void {
    this.child.send(message)
  }
}

test('faults: a fetcher that is killed at random points fetches nothing recorded again, and at most a flush batch twice', async () => {
  const model = testModel([48 * MiB])
  const seed = await swarm.node({ uploadBytesPerSecond: 48 * MiB })
  await seed.seed(model)
  const path = `${swarm.dir}/killed.own`
  const held = new Bitfield(model.chunkCount)
  for (let kills = 0; kills < 2; kills++) {
    const before = held.count()
    const fetcher = new FetcherProcess(model, path, held, seed)
    await expect.poll(() => held.count(), { timeout: 10_000 }).toBeGreaterThan(before)
    await new Promise((resolve) => setTimeout(resolve, 50 * Math.random()))
    await fetcher.kill()
    const disk = await readFile(path)
    held.forEach((index) => {
      const at = index * MiB
      expect(disk.subarray(at, at + MiB).equals(model.bytes.subarray(at, at + MiB))).toBe(true)
    })
  }
  const before = held.count()
  const last = new FetcherProcess(model, path, held, seed)
  const receivedBytes = await last.complete
  expect(receivedBytes).toBeLessThanOrEqual((model.chunkCount - before) * MiB)
  await last.kill()
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  const uploaded = seed.payloads('upload-progress').at(-1)?.totalBytes ?? 0
  // What was under way in the sockets of a killed process was sent as well.
  expect(uploaded).toBeLessThan(model.bytes.length + 2 * (flushBatchBytes + 8 * MiB))
})
