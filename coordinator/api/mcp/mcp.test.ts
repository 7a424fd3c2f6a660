import { request as httpRequest } from 'node:http'
import { fileURLToPath } from 'node:url'
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routeNames, shapeOf } from '#protocol/api/routes/index.ts'
import { type ApiBench, type Caller, nodesKnown, startApi } from '../api.fixture.ts'
import { type ToolName, tools } from './tools.ts'

let bench: ApiBench
beforeAll(async () => {
  bench = await startApi()
})
afterAll(() => bench?.close())

const modern: ClientOptions = { versionNegotiation: { mode: { pin: '2026-07-28' } } }
/** One that knows just this revision of 2025. */
const only = (version: string): ClientOptions => ({ supportedProtocolVersions: [version] })

async function connect(over: 'http' | 'stdio', options: ClientOptions, caller: Caller = 'owner'): Promise<Client> {
  const token = bench.tokens[caller]
  const client = new Client({ name: 'test', version: '1' }, options)
  await client.connect(over === 'http' ? overHttp(token) : overStdio(token))
  return client
}

function overHttp(token: string) {
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  return new StreamableHTTPClientTransport(new URL(`${bench.url}/mcp`), { requestInit })
}

/** As agents start it. */
function overStdio(token: string) {
  return new StdioClientTransport({
    command: process.execPath,
    args: [fileURLToPath(new URL('../../../node/bin/main.ts', import.meta.url)), 'mcp'],
    env: { HARTONOMOUS_COORDINATOR_URL: bench.url, HARTONOMOUS_API_KEY: token },
  })
}

/** Nodes know by its words which job it is. */
const chat = (content: string) => ({ kind: 'chat', model: 'tiny', messages: [{ role: 'user', content }] })

test('every tool belongs to a route that names it, and every route that names a tool has it', () => {
  const named = routeNames.map((name) => shapeOf(name).mcp).filter((mcp) => typeof mcp === 'string')
  const composed: ToolName[] = ['chat']
  expect([...new Set([...named, ...composed])].sort()).toEqual(Object.keys(tools).sort())
})

describe.each([
  ['http', '2026-07-28', modern],
  ['http', '2025-11-25', {}],
  ['http', '2025-06-18', only('2025-06-18')],
  ['http', '2025-03-26', only('2025-03-26')],
  ['stdio', '2026-07-28', modern],
  ['stdio', '2025-11-25', {}],
  ['stdio', '2025-03-26', only('2025-03-26')],
] as const)('MCP over %s, revision %s', (over, version, options) => {
  let client: Client
  beforeAll(async () => {
    client = await connect(over, options)
  })
  afterAll(() => client?.close())

  test('the official client finds tools, calls them and reads resources', async () => {
    expect(client.getNegotiatedProtocolVersion()).toBe(version)
    const listed = await client.listTools()
    expect(listed.tools.map(({ name }) => name).sort()).toEqual(Object.keys(tools).sort())
    for (const { inputSchema, outputSchema } of listed.tools) {
      expect(inputSchema.type).toBe('object')
      expect(outputSchema).toMatchObject({ type: 'object' })
    }
    const network = await client.callTool({ name: 'network_state', arguments: { limit: 3, state: 'busy' } })
    expect(network.isError).not.toBe(true)
    expect(network.structuredContent).toMatchObject({
      totals: { nodes: nodesKnown },
      nodes: Array.from({ length: 3 }, () => ({ state: 'busy', inferenceSlotsFree: 0 })),
    })

    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'hartonomous://models/{model}',
      'hartonomous://models/{model}/components',
    ])
    const { contents } = await client.readResource({ uri: 'hartonomous://models/tiny' })
    expect(JSON.parse((contents[0] as { text: string }).text)).toMatchObject({
      name: 'tiny',
      holdersMin: nodesKnown + 1,
    })
    await expect(client.readResource({ uri: 'hartonomous://models/none' })).rejects.toThrow(/no \w+ none here/)
  })

  test('a job is quoted, submitted, followed, waited for and cancelled', async () => {
    const run = async (name: ToolName, args: Record<string, unknown>) => {
      const { structuredContent, isError, content } = await client.callTool({ name, arguments: args })
      expect(isError, JSON.stringify(content)).not.toBe(true)
      return structuredContent as Record<string, unknown>
    }
    const prompt = `asked over ${over}, ${version}`
    const work = chat(prompt)
    expect(await run('quote_job', { work })).toMatchObject({ priceWei: { min: '0', max: '0' }, model: 'tiny' })
    const jobId = (await run('submit_job', { work }))['jobId'] as string
    const node = await bench.nodes.asked(prompt)
    expect(await run('job_status', { jobId })).toMatchObject({ jobs: [{ jobId, attempts: [{ peerId: node.peerId }] }] })
    node.answer('hello')
    const result = { kind: 'chat', text: 'hello', finishReason: 'stop', promptTokens: 1, completionTokens: 1 }
    expect(await run('job_result', { jobId })).toEqual({ jobId, result })
    const other = (await run('submit_job', { work: chat(`${prompt}, not to be`) }))['jobId'] as string
    await run('cancel_job', { jobId: other })
    await expect.poll(() => run('job_status', { jobId: other })).toMatchObject({ jobs: [{ state: 'cancelled' }] })
  })

  test('what goes wrong comes as an error of the tool, with its code and what to do', async () => {
    const answer = await client.callTool({ name: 'job_status', arguments: { jobId: 'none' } })
    expect(answer).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'ERR_NOT_FOUND: no job none here' }],
      _meta: { 'hartonomous/error': { code: 'ERR_NOT_FOUND', fields: { kind: 'job', id: 'none' } } },
    })
    const { structuredContent } = await client.callTool({ name: 'submit_job', arguments: { work: chat('for long') } })
    const { jobId } = structuredContent as { jobId: string }
    const early = await client.callTool({ name: 'job_result', arguments: { jobId, waitSeconds: 0 } })
    expect(early.isError).toBe(true)
    expect((early.content as { text: string }[])[0]?.text).toMatch(/^ERR_JOB_UNFINISHED: .*\nfix: /)
  })
})

test('chat: the answer of the job that it started, with what it was charged', async () => {
  const client = await connect('http', modern)
  const messages = [{ role: 'user', content: 'is it so?' }]
  const answering = client.callTool({ name: 'chat', arguments: { model: 'tiny', messages, maxPriceWei: '9' } })
  const node = await bench.nodes.asked('is it so?')
  node.answer('yes')
  const { structuredContent } = await answering
  expect(structuredContent).toMatchObject({ text: 'yes', chargedWei: '0' })
  const { jobId } = structuredContent as { jobId: string }
  const row = await bench.store.forTenant('local:owner').getJob(jobId)
  expect(JSON.parse(row!.request)).toMatchObject({ terms: { maxPriceWei: '9' } })
  await client.close()
})

test('an agent has the rights of its key: what that may not do, a tool may not do', async () => {
  const reader = await connect('http', modern, 'reader')
  expect((await reader.callTool({ name: 'list_models', arguments: {} })).isError).not.toBe(true)
  const refused = await reader.callTool({ name: 'submit_job', arguments: { work: chat('may not') } })
  expect(refused).toMatchObject({ isError: true, _meta: { 'hartonomous/error': { code: 'ERR_FORBIDDEN' } } })
  const { jobId } = await bench.client.call('submitJob', { body: { work: { kind: 'pull', model: 'tiny' } } })
  const other = await connect('http', modern, 'other')
  const foreign = await other.callTool({ name: 'cancel_job', arguments: { jobId } })
  expect(foreign).toMatchObject({ isError: true, _meta: { 'hartonomous/error': { code: 'ERR_NOT_FOUND' } } })
  await Promise.all([reader.close(), other.close()])
})

test('without a known token, from a foreign page, or by a foreign name nobody gets to the tools', async () => {
  const post = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }
      const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
      const accept = 'application/json, text/event-stream'
      const request = httpRequest(
        `${bench.url}/mcp`,
        { ...options, headers: { ...options.headers, accept } },
        (response) => {
          response.resume().once('end', () => resolve(response.statusCode))
        },
      )
      request.once('error', reject).end(message)
    })
  const token = { authorization: `Bearer ${bench.tokens.owner}` }
  expect(await post(token)).toBe(200)
  expect(await post({})).toBe(401)
  expect(await post({ authorization: 'Bearer guessed' })).toBe(401)
  expect(await post({ ...token, origin: 'https://evil.example' })).toBe(403)
  expect(await post({ ...token, host: 'evil.example' })).toBe(403)
})
