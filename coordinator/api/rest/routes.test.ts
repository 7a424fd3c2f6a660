import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { routeNames, shapeOf } from '#protocol/api/routes/index.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { type ApiBench, startApi } from '../api.fixture.ts'

let bench: ApiBench
beforeAll(async () => {
  bench = await startApi()
})
afterAll(() => bench?.close())

const asOwner = { authorization: 'Bearer owner' }
const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${bench.url}${path}`, { ...init, headers: { ...asOwner, ...(init.headers as Record<string, string>) } })
const chat = (content: string) => ({
  work: { kind: 'chat' as const, model: 'tiny', messages: [{ role: 'user' as const, content }] },
})

test('every route that is not open asks who calls before anything else', async () => {
  for (const name of routeNames) {
    const { method, path, scope } = shapeOf(name)
    const response = await fetch(`${bench.url}${path.replaceAll(/\{\w+\}/g, 'x')}`, { method })
    if (scope === 'open') expect(response.status, name).toBe(200)
    else {
      expect(response.status, name).toBe(401)
      expect(response.headers.get('www-authenticate'), name).toBe('Bearer')
      expect(response.headers.get('content-type'), name).toContain('application/problem+json')
    }
  }
})

test('a scope that the caller has not is refused by the name of the scope, on every route', async () => {
  for (const name of routeNames) {
    const { method, path, scope } = shapeOf(name)
    if (scope === 'open' || scope === 'network:read') continue
    const response = await ask(path.replaceAll(/\{\w+\}/g, 'x'), {
      method,
      headers: { authorization: 'Bearer reader' },
    })
    expect(response.status, name).toBe(403)
    expect(await response.json(), name).toMatchObject({
      code: 'ERR_FORBIDDEN',
      fields: { action: `${method} ${path}`, reason: `it needs the scope ${scope}` },
    })
  }
})

test('a query parameter that is not known is refused by name, on every route that has no body', async () => {
  for (const name of routeNames) {
    const { method, path, scope, answer } = shapeOf(name)
    if (method !== 'GET' || scope === 'open' || answer.type !== 'json') continue
    const response = await ask(`${path.replaceAll(/\{\w+\}/g, 'tiny')}?model=tiny&colour=red`)
    expect(response.status, name).toBe(400)
    const { detail } = (await response.json()) as { detail: string }
    expect(detail, name).toMatch(/colour|model/)
  }
  expect(await (await ask('/api/v1/nodes?limt=5')).json()).toMatchObject({
    code: 'ERR_USAGE',
    detail: 'query: Unrecognized key: "limt"',
  })
})

test('a problem names the field, and comes back from the client as the error that it was', async () => {
  const response = await ask('/api/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ work: { kind: 'chat', model: 'tiny', messages: [{ role: 'user' }] } }),
  })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({
    type: 'urn:hartonomous:error:ERR_USAGE',
    status: 400,
    fields: { param: 'work.messages[0].content' },
  })
  const error = await bench.client.call('getJob', { params: { jobId: 'none' } }).catch((thrown: unknown) => thrown)
  expect(isHartonomousError(error, 'ERR_NOT_FOUND') && error.fields).toEqual({ kind: 'job', id: 'none' })
})

test('pages: each entry comes once, and the last page names no next one', async () => {
  const seen: string[] = []
  for await (const node of bench.client.pages('listNodes', { query: { limit: 60 } })) seen.push(node.peerId)
  expect(seen).toEqual(bench.nodes.map(({ peerId }) => peerId))
  const { nodes, nextCursor } = await bench.client.call('listNodes', { query: { state: 'busy' } })
  expect(nodes).toHaveLength(50)
  expect(nextCursor).toBeUndefined()
  const components = await bench.client.call('listComponents', { query: { model: 'tiny', layerMin: 20, limit: 30 } })
  expect(components.components.map(({ layer }) => layer)).toEqual(Array.from({ length: 30 }, (_, at) => at + 20))
  expect((await ask('/api/v1/components?model=tiny&cursor=!!')).status).toBe(400)
})

test('submit: the same Idempotency-Key is the same job, and with another request it is refused', async () => {
  const options = { idempotencyKey: 'key-1' }
  const first = await bench.client.call('submitJob', { body: chat('a') }, options)
  expect(await bench.client.call('submitJob', { body: chat('a') }, options)).toEqual(first)
  await expect(bench.client.call('submitJob', { body: chat('b') }, options)).rejects.toMatchObject({
    code: 'ERR_IDEMPOTENCY',
  })
  const response = await ask('/api/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(chat('c')),
  })
  const { jobId } = (await response.json()) as { jobId: string }
  expect(response.status).toBe(201)
  expect(response.headers.get('location')).toBe(`/api/v1/jobs/${jobId}`)
})

test("jobs: another tenant's are not there", async () => {
  const { jobId } = await bench.client.call('submitJob', { body: chat('mine') })
  const other = bench.clientOf('other')
  for (const name of ['getJob', 'cancelJob', 'jobResult', 'jobReceipts'] as const)
    await expect(other.call(name, { params: { jobId } }), name).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  expect(await other.call('listJobs', {})).toEqual({ jobs: [] })
})

test('batch: lines of JSON become items, those without an id get the number of their line', async () => {
  const line = (content: string) => JSON.stringify(chat(content))
  const lines = `${JSON.stringify({ id: 'first', ...chat('one') })}\n\n${line('two')}\n`
  const { jobId, kind } = await bench.client.submitLines(lines, { privacy: 'local', maxPriceWei: '5' })
  expect(kind).toBe('batch')
  const request = bench.jobs.requestOf(jobId)
  expect(request.terms).toEqual({ privacy: 'local', maxPriceWei: '5' })
  expect(request.work).toMatchObject({ kind: 'batch', items: [{ id: 'first' }, { id: '3' }] })

  await expect(bench.client.submitLines(`${line('x')}\n{"work":{"kind":"pull","model":"m"}}`)).rejects.toMatchObject({
    code: 'ERR_USAGE',
    message: expect.stringMatching(/^line 2: work/),
  })
  await expect(bench.client.submitLines(`${line('x')}\nnot json`)).rejects.toThrow('line 2: not JSON')
  const withoutKind = await ask('/api/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: lines,
  })
  expect(withoutKind.status).toBe(400)
})

test('result: it is waited for as long as the caller says, and a batch gives lines to who accepts them', async () => {
  const { jobId } = await bench.client.submitLines(JSON.stringify(chat('one')))
  const early = bench.client.call('jobResult', { params: { jobId }, query: { waitMs: 1 } })
  await expect(early).rejects.toMatchObject({ code: 'ERR_JOB_UNFINISHED' })
  const waiting = bench.client.call('jobResult', { params: { jobId }, query: { waitMs: 25_000 } })
  await expect.poll(() => bench.jobs.readers).toBe(1)
  const items = [
    { id: '1', jobId: 'a', result: { kind: 'workflow' as const, output: 1 } },
    { id: '2', jobId: 'b' },
  ]
  bench.jobs.finish(jobId, { kind: 'batch', items })
  expect(await waiting).toEqual({ kind: 'batch', items })
  const lines = (await bench.client.resultLines(jobId)).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual(items)
})

test('snapshot: who knows it is told so by its tag, until it changes', async () => {
  const first = await ask('/api/v1/network/snapshot')
  const etag = first.headers.get('etag')!
  expect(((await first.json()) as { nodes: unknown[] }).nodes).toHaveLength(250)
  const known = await ask('/api/v1/network/snapshot', { headers: { 'if-none-match': etag } })
  expect(known.status).toBe(304)
  bench.change()
  const changed = await ask('/api/v1/network/snapshot', { headers: { 'if-none-match': etag } })
  expect(changed.status).toBe(200)
  expect(changed.headers.get('etag')).not.toBe(etag)
})

test('health: readiness follows the checks, and names the one that fails', async () => {
  expect((await fetch(`${bench.url}/readyz`)).status).toBe(200)
  bench.isHealthy = false
  const response = await fetch(`${bench.url}/readyz`)
  bench.isHealthy = true
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({ ready: false, checks: [{ name: 'store', ok: false, reason: 'full' }] })
  expect(await bench.client.text('metrics')).toContain('hartonomous_peers 1')
})

test('money: receipts are those of the jobs, stakes those of the nodes, and without a chain there is no balance', async () => {
  const receipts = await bench.client.call('listReceipts', { query: { limit: 2 } })
  expect(receipts.receipts).toHaveLength(2)
  expect(receipts.nextCursor).toBeDefined()
  expect((await bench.client.call('listStakes', {})).stakes).toMatchObject([{ peerId: 'node-0007', bondWei: '9' }])
  await expect(bench.client.call('balances', {})).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
    fields: { kind: 'chain' },
  })
})

test('workflows are saved under the name that they have themselves; keys are shown once', async () => {
  const graph = { name: 'ask', steps: [{ id: 'answer', type: 'prompt' as const, prompt: '{{input}}' }] }
  expect(await bench.client.call('saveWorkflow', { params: { name: 'ask' }, body: graph })).toMatchObject({ graph })
  const renamed = bench.client.call('saveWorkflow', { params: { name: 'other' }, body: graph })
  await expect(renamed).rejects.toMatchObject({ code: 'ERR_USAGE' })
  expect((await bench.client.call('listWorkflows', {})).workflows).toMatchObject([{ name: 'ask', steps: 1 }])

  const { key, keyId } = await bench.client.call('createKey', { body: { label: 'laptop', scopes: ['jobs:read'] } })
  expect(key).toBe('hart_secret')
  await bench.client.call('revokeKey', { params: { keyId } })
  const listed = await bench.client.call('listKeys', {})
  expect(listed.keys).toMatchObject([{ keyId, revokedAtMs: 2 }])
  expect(JSON.stringify(listed)).not.toContain('hart_secret')
})

test('whatever is sent, the answer is no failure of the server', async () => {
  const routes = routeNames.map(shapeOf).filter(({ answer }) => answer.type === 'json')
  const part = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('..', '%00', '%', '{}', 'tiny', '\u0000', '🜁'))
  const body = fc.oneof(
    fc.json(),
    fc.string(),
    fc.constant(''),
    fc
      .record({ work: fc.record({ kind: fc.constantFrom('chat', 'batch', 'workflow'), model: fc.anything() }) })
      .map((value) => JSON.stringify(value)),
    fc.constant('{"__proto__":{"a":1},"constructor":1}'),
  )
  const type = fc.constantFrom(
    'application/json',
    'application/jsonl',
    'text/plain',
    'application/x-www-form-urlencoded',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      part,
      fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 20 }), { maxKeys: 3 }),
      body,
      type,
      async ({ method, path }, param, query, text, contentType) => {
        const target = `${path.replaceAll(/\{\w+\}/g, encodeURIComponent(param))}?${new URLSearchParams(query)}`
        const hasBody = method !== 'GET' && method !== 'DELETE'
        const init = { method, headers: { 'content-type': contentType }, ...(hasBody ? { body: text } : {}) }
        const response = await ask(target, hasBody ? init : { method })
        const answer = await response.text()
        expect(response.status, `${method} ${target} ${answer}`).toBeLessThan(500)
      },
    ),
    { numRuns: 400 },
  )
})
