import { spawn } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DevnetNode } from '#node/cli/devnet/child.ts'
import type { ComponentView, ModelView, PeerView, SqlView, StatusView } from '#protocol/api/control.ts'
import type { FoundView } from '#protocol/api/query.ts'
import { bootstrap, bundledModel, smallModel, TestSwarm, until } from './swarm.fixture.ts'

const executable = fileURLToPath(new URL('../node/bin/main.ts', import.meta.url))

let swarm: TestSwarm
let seed: DevnetNode
/** Holds nothing and pledges nothing. */
let light: DevnetNode

beforeAll(async () => {
  swarm = await TestSwarm.create()
  seed = await swarm.start(1, '--ingest', bundledModel)
  light = await swarm.start(2, ...bootstrap(seed))
})
afterAll(() => swarm.close())

interface Run {
  status: number | null
  stdout: string
  stderr: string
}

async function hart(node: DevnetNode, ...args: string[]): Promise<Run> {
  const child = spawn(process.execPath, [executable, ...args, '--data-dir', node.dataDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const run = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (part: Buffer) => {
      run[name] += part
    })
  }
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { status, ...run }
}

async function hartJson<T>(node: DevnetNode, ...args: string[]): Promise<T> {
  const { status, stdout, stderr } = await hart(node, ...args, '--json')
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as T
}

const knownModels = (node: DevnetNode) =>
  until('the model is known', async () => {
    const models = await hartJson<ModelView[]>(node, 'models', 'ls')
    return models.some((model) => model.holders > 0 || model.origin === 'ingest') ? models : undefined
  })

test('hart: status says why a node is idle and what would help', async () => {
  await knownModels(light)
  const status = await hartJson<StatusView>(light, 'status')
  expect(status).toMatchObject({ state: 'idle', peersConnected: 1 })
  expect(status.help).toContain('pledge.disk')
  expect((await hart(light, 'status')).stdout).toContain('would help:')
})

test('hart: a node without the model forwards to a peer that has it; the official client sees no difference', async () => {
  const peerId = seed.ready!.peerId
  await until('the seed offers answers', async () => {
    const [peer] = await hartJson<PeerView[]>(light, 'peers')
    return peer?.models.some((model) => model.canInfer) || undefined
  })
  const client = new OpenAI({ baseURL: `${light.ready!.apiUrl}/v1`, apiKey: 'none' })
  expect((await client.models.list()).data.map((model) => model.id)).toEqual(['hartling-f16'])
  const { data, response } = await client.chat.completions
    .create({
      model: 'hartling-f16',
      messages: [{ role: 'user', content: 'What is HART?' }],
      temperature: 0,
      max_tokens: 48,
    })
    .withResponse()
  expect(data.choices[0]!.message.content).toMatch(/HART is the token of Hartonomous/)
  expect(response.headers.get('x-hartonomous-peer')).toBe(peerId)
  const run = await hart(light, 'run', 'hartling-f16', 'What', 'is', 'HART?')
  expect(run.stdout).toMatch(/HART is the token of Hartonomous/)
})

test('hart: pull of a layer fetches the header and that layer only, a second pull completes the file', async () => {
  const part = await hart(light, 'pull', 'hartling-f16', '--layers', '4', '--json')
  expect(part.status, part.stderr).toBe(0)
  const components = await hartJson<ComponentView[]>(light, 'components', 'hartling-f16')
  const held = components
    .filter((component) => component.sizeBytes > 0 && component.heldBytes === component.sizeBytes)
    .map((component) => component.key)
  expect(held).toContain('blk.4.ffn')
  expect(held).toContain('blk.4.attention')
  expect(held.filter((key) => key.startsWith('blk.') && !key.startsWith('blk.4.'))).toEqual([])
  const whole = await hart(light, 'pull', 'hartling-f16')
  expect(whole.status, whole.stderr).toBe(0)
  const model = await hartJson<ModelView>(light, 'models', 'show', 'hartling-f16')
  expect(model.heldChunks).toBe(58)
  expect((await readFile(model.files[0]!)).equals(await readFile(bundledModel))).toBe(true)
})

test('hart: sql joins models, components and peers, refuses to write, and tells how to find the views', async () => {
  const { rows } = await hartJson<SqlView>(
    light,
    'sql',
    "select r.name, count(*) from release r join component c using(model_id) where c.kind = 'ffn' group by 1",
  )
  expect(rows).toEqual([['hartling-f16', 6]])
  const peers = await hartJson<SqlView>(light, 'sql', 'select peer_id from peer')
  expect(peers.rows.length).toBeGreaterThan(0)
  const table = await hart(light, 'sql', 'select kind, sum(size_bytes) as bytes from component group by kind')
  expect(table.stdout).toMatch(/^KIND +BYTES/)
  const refused = await hart(light, 'sql', 'delete from model')
  expect(refused).toMatchObject({ status: 2, stdout: '' })
  expect(refused.stderr).toContain('ERR_QUERY_INVALID')
})

test('hart: query finds components by what they are, and loads just their bytes, verified', async () => {
  const found = await hartJson<FoundView>(light, 'query', 'model:hartling-f16 kind:ffn layer:4-5')
  expect(found.rows).toMatchObject([
    { model: 'hartling-f16', key: 'blk.4.ffn', layer: 4, isChecked: true },
    { key: 'blk.5.ffn' },
  ])
  const table = await hart(light, 'query', 'attn_q', 'layer:1', '--explain')
  expect(table.stdout).toMatch(/^MODEL +COMPONENT[\s\S]*blk\.1\.attention/)
  expect(table.stderr).toContain('read in names and short metadata, not in weights')
  const dry = await hart(light, 'query', 'model:hartling-f16 kind:ffn layer:4-5', '--load', '--dry-run')
  expect(dry.stdout).toMatch(/hartling-f16: 2 of 21 components, 576 KiB of 2\.80 MiB \(20 %\), .*, about \d/)
  const file = join(swarm.folder, 'ffn.bin')
  const loaded = await hart(light, 'query', 'model:hartling-f16 kind:ffn layer:4-5', '--load', '--out', file)
  expect(loaded.status, loaded.stderr).toBe(0)
  const whole = await readFile(bundledModel)
  expect(
    (await readFile(file)).equals(
      Buffer.concat([whole.subarray(2_249_664, 2_544_576), whole.subarray(2_643_904, 2_938_816)]),
    ),
  ).toBe(true)
  const closed = await hart(light, 'closure', 'hartling-f16', 'blk.2.ffn')
  expect(closed.stdout).toContain('layer 2 runs as a whole')
  const mapped = await hart(light, 'map', 'hartling-f16', 'embedding', '--in', '--kind', 'uses')
  expect(mapped.stdout).toContain('output_norm uses embedding')
  const refused = await hart(light, 'query', 'model:hartling-f16 kind:ffn', '--run', 'Hello')
  expect(refused).toMatchObject({ status: 4, stdout: '' })
  expect(refused.stderr).toContain('ERR_PARTIAL_INEXACT')
  expect(await hart(light, 'query', 'colour:red')).toMatchObject({ status: 2, stdout: '' })
})

test('hart: rm deletes what was fetched, and never the own file of a person', async () => {
  const { files } = await hartJson<ModelView>(light, 'models', 'show', 'hartling-f16')
  expect((await hart(light, 'models', 'rm', 'hartling-f16')).status).toBe(2)
  expect((await hart(light, 'models', 'rm', 'hartling-f16', '--yes')).status).toBe(0)
  await expect(stat(files[0]!)).rejects.toMatchObject({ code: 'ENOENT' })
  expect((await stat(bundledModel)).size).toBe(2_939_328)
})

test('hart: a model is pulled from an HTTP origin by ranges', async () => {
  const server = await rangeServer(await readFile(smallModel))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/hartling-q8_0.gguf`
  const run = await hart(light, 'pull', url, '--json')
  server.closeAllConnections()
  server.close()
  expect(run.status, run.stderr).toBe(0)
  expect(JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({ event: 'done', name: 'hartling-q8_0' })
})

test('hart: doctor finds what is well and what is not, each with its remedy; a command gives up after --timeout', async () => {
  interface Finding {
    check: string
    level: string
    remedy?: string
  }
  const { running, findings } = await hartJson<{ running: boolean; findings: Finding[] }>(light, 'doctor')
  expect(running).toBe(true)
  const levels = Object.fromEntries(findings.map(({ check, level }) => [check, level]))
  expect(levels).toMatchObject({ machine: 'ok', disk: 'ok', hashing: 'ok', engine: 'ok' })
  for (const { check, level, remedy } of findings) if (level !== 'ok') expect(remedy, check).toBeTruthy()
  // A folder of a node that does not run, with more pledged than any disk has.
  const greedy = { dataDir: join(swarm.folder, 'greedy') } as DevnetNode
  const configFile = join(swarm.folder, 'greedy.json')
  await hart(greedy, 'config', 'set', 'pledge.disk', '4000TiB', '--config', configFile)
  const failing = await hart(greedy, 'doctor', '--config', configFile)
  expect(failing.status).toBe(1)
  expect(failing.stdout).toMatch(/FAIL {2}disk .*less than the pledge/)
  expect(failing.stdout).toContain('fix: hart config set pledge.disk SIZE')
  const late = await hart(light, 'run', 'hartling-f16', 'Tell me a story', '--max-tokens', '400', '--timeout', '0.01')
  expect(late).toMatchObject({ status: 1 })
  expect(late.stderr).toContain('ERR_TIMEOUT')
})

test('hart: errors name a remedy and exit as documented', async () => {
  const unknown = await hart(light, 'models', 'show', 'no-such-model')
  expect(unknown).toMatchObject({ status: 1, stdout: '' })
  expect(unknown.stderr).toContain('ERR_NOT_FOUND')
  expect((await hart(light, 'pull', 'hartling-f16', '--layers', '7-2')).status).toBe(2)
  expect((await hart(light, 'no-such-command')).status).toBe(2)
  const stopped = { dataDir: join(swarm.folder, 'nobody') } as DevnetNode
  const notRunning = await hart(stopped, 'status')
  expect(notRunning.status).toBe(3)
  expect(notRunning.stderr).toContain('hart up')
})

test('control API: a foreign page, a foreign host and a missing token are refused; health is open', async () => {
  const { apiUrl } = light.ready!
  const status = async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    (await fetch(new URL(path, apiUrl), { headers, method })).status
  expect(await status('/healthz')).toBe(200)
  expect(await status('/readyz')).toBe(200)
  expect(await status('/api/v1/status')).toBe(401)
  expect(await status('/api/v1/node/stop', {}, 'POST')).toBe(401)
  expect(await status('/v1/models', { origin: 'https://evil.example' })).toBe(403)
  expect(await status('/healthz', { 'sec-fetch-site': 'cross-site' })).toBe(403)
  const metrics = await (await fetch(new URL('/metrics', apiUrl))).text()
  expect(metrics).toMatch(/^hartonomous_peers_connected 1$/m)
  expect((await stat(join(light.dataDir, 'owner.token'))).mode & 0o777).toBe(0o600)
})

test('hart: pause refuses peers, resume takes them again, drain ends when all is done', async () => {
  expect((await hartJson<StatusView>(seed, 'pause')).state).toBe('paused')
  expect((await hartJson<StatusView>(seed, 'resume')).state).not.toBe('paused')
  expect((await hartJson<StatusView>(seed, 'drain')).state).toBe('draining')
  expect((await hartJson<StatusView>(seed, 'resume')).state).not.toBe('draining')
  const answer = await hart(seed, 'run', 'hartling-f16', 'Hello!')
  expect(answer.status, answer.stderr).toBe(0)
})

async function rangeServer(bytes: Buffer): Promise<Server> {
  const server = createServer((request, response) => {
    const match = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '')
    if (!match) return response.writeHead(416).end()
    const from = Number(match[1])
    const to = Math.min(Number(match[2]), bytes.length - 1)
    response.writeHead(206, {
      'content-range': `bytes ${from}-${to}/${bytes.length}`,
      'content-length': to - from + 1,
      etag: '"1"',
    })
    return response.end(bytes.subarray(from, to + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
