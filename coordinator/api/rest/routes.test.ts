import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentedRoutes, routeNames, routes, shapeOf } from '#protocol/api/routes/index.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { type ApiBench, bondWei, type Caller, nodesBusy, nodesKnown, startApi } from '../api.fixture.ts'

let bench: ApiBench
beforeAll(async () => {
  bench = await startApi()
})
afterAll(() => bench?.close())

const bearer = (caller: Caller) => ({ authorization: `Bearer ${bench.tokens[caller]}` })
const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${bench.url}${path}`, {
    ...init,
    headers: { ...bearer('owner'), ...(init.headers as Record<string, string>) },
  })
const chat = (content: string) => ({
  work: { kind: 'chat' as const, model: 'tiny', messages: [{ role: 'user' as const, content }] },
})

test('every route that shows more than the network asks who calls before anything else', async () => {
  for (const name of routeNames) {
    const { method, path, scope } = shapeOf(name)
    const response = await fetch(`${bench.url}${path.replaceAll(/\{\w+\}/g, 'x')}`, { method })
    if (scope === 'open') expect(response.status, name).toBe(200)
    // What nodes tell everybody is shown to everybody.
    else if (scope === 'network:read') expect([200, 400, 404], name).toContain(response.status)
    else {
      expect(response.status, name).toBe(401)
      expect(response.headers.get('www-authenticate'), name).toBe('Bearer')
      expect(response.headers.get('content-type'), name).toContain('application/problem+json')
    }
  }
})

test('what the document says of signing in and of the gateway is there, and asks for what it says', async () => {
  const elsewhere = Object.entries(documentedRoutes).filter(([name]) => !Object.hasOwn(routes, name))
  expect(elsewhere.length).toBeGreaterThan(5)
  for (const [name, { method, path, scope, answer }] of elsewhere) {
    const body = method === 'POST' ? { body: '{}' } : {}
    const init = { method, ...body, headers: { 'content-type': 'application/json' } }
    const response = await ask(path, init)
    expect(response.status, name).not.toBe(404)
    if (response.ok && answer.type === 'json')
      expect(answer.schema.safeParse(await response.json()).error, name).toBe(undefined)
    else expect(method, name).toBe('POST')
    if (scope !== 'infer') continue
    const asReader = await ask(path, { ...init, headers: { ...init.headers, ...bearer('reader') } })
    expect(asReader.status, name).toBe(403)
  }
})

test('a scope that the caller has not is refused by the name of the scope, on every route', async () => {
  for (const name of routeNames) {
    const { method, path, scope } = shapeOf(name)
    if (scope === 'open' || scope === 'network:read') continue
    const response = await ask(path.replaceAll(/\{\w+\}/g, 'x'), {
      method,
      headers: bearer('reader'),
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
    const target = path.replace('{address}', `0x${'11'.repeat(20)}`).replaceAll(/\{\w+\}/g, 'tiny')
    const response = await ask(`${target}?model=tiny&colour=red`)
    expect(response.status, name).toBe(400)
    const { detail } = (await response.json()) as { detail: string }
    expect(detail, name).toMatch(/colour|model|since/)
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
  expect(seen).toEqual(bench.peerIds)
  const { nodes, nextCursor } = await bench.client.call('listNodes', { query: { state: 'busy' } })
  expect(nodes).toHaveLength(nodesBusy)
  expect(nextCursor).toBeUndefined()
  const query = { model: 'tiny', layerMin: 1, layerMax: 2 }
  const { components } = await bench.client.call('listComponents', { query })
  expect(new Set(components.map(({ layer }) => layer))).toEqual(new Set([1, 2]))
  const paged: string[] = []
  for await (const { key } of bench.client.pages('listComponents', { query: { ...query, limit: 3 } })) paged.push(key)
  expect(paged).toEqual(components.map(({ key }) => key))
  expect(paged.length).toBeGreaterThan(3)
  expect((await ask('/api/v1/components?model=tiny&cursor=!!')).status).toBe(400)
})

test('submit: the same Idempotency-Key is the same job, and with another request it is refused', async () => {
  const options = { idempotencyKey: 'key-1' }
  const first = await bench.client.call('submitJob', { body: chat('a') }, options)
  expect(await bench.client.call('submitJob', { body: chat('a') }, options)).toMatchObject({ jobId: first.jobId })
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
  for (const name of ['getJob', 'cancelJob', 'jobResult', 'jobRequest', 'jobReceipts'] as const)
    await expect(other.call(name, { params: { jobId } }), name).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  expect(await other.call('listJobs', {})).toEqual({ jobs: [] })
})

test('request: what was asked for comes back as it was, without who asked, and can be submitted again', async () => {
  const body = { ...chat('again'), terms: { privacy: 'local' as const, attemptsMax: 2 } }
  const { jobId } = await bench.client.call('submitJob', { body })
  const request = await bench.client.call('jobRequest', { params: { jobId } })
  expect(request).toEqual(body)
  const again = await bench.client.call('submitJob', { body: request })
  expect(again.jobId).not.toBe(jobId)
  expect(await bench.client.call('jobRequest', { params: again })).toEqual(body)
})

test('batch: lines of JSON become items, those without an id get the number of their line', async () => {
  const line = (content: string) => JSON.stringify(chat(content))
  const lines = `${JSON.stringify({ id: 'first', ...chat('one') })}\n\n${line('two')}\n`
  const { jobId, kind } = await bench.client.submitLines(lines, { privacy: 'local', maxPriceWei: '5' })
  expect(kind).toBe('batch')
  const row = await bench.store.forTenant('local:owner').getJob(jobId)
  expect(JSON.parse(row!.request)).toMatchObject({
    terms: { privacy: 'local', maxPriceWei: '5' },
    work: { kind: 'batch', items: [{ id: 'first' }, { id: '3' }] },
  })

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
  const { jobId } = await bench.client.submitLines(JSON.stringify(chat('one line')))
  const early = bench.client.call('jobResult', { params: { jobId }, query: { waitMs: 1 } })
  await expect(early).rejects.toMatchObject({ code: 'ERR_JOB_UNFINISHED' })
  const waiting = bench.client.call('jobResult', { params: { jobId }, query: { waitMs: 25_000 } })
  const node = await bench.nodes.asked('one line')
  node.answer('a line too')
  const answered = { kind: 'chat', text: 'a line too', finishReason: 'stop', promptTokens: 1, completionTokens: 1 }
  const result = await waiting
  expect(result).toMatchObject({ kind: 'batch', items: [{ id: '1', result: answered }] })
  const lines = (await bench.client.resultLines(jobId)).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual(result.kind === 'batch' && result.items)
})

test('snapshot: who knows it is told so by its tag, until it changes', async () => {
  const snapshot = (etag?: string) =>
    ask('/api/v1/network/snapshot', etag === undefined ? {} : { headers: { 'if-none-match': etag } })
  let etag = ''
  // Nodes say something every few seconds, perhaps just between two questions.
  const again = async () => {
    const first = await snapshot()
    etag = first.headers.get('etag')!
    expect(((await first.json()) as { nodes: unknown[] }).nodes).toHaveLength(nodesKnown)
    return (await snapshot(etag)).status
  }
  await expect.poll(again).toBe(304)
  bench.change()
  await expect.poll(async () => (await snapshot(etag)).status, { timeout: 10_000 }).toBe(200)
  expect((await snapshot()).headers.get('etag')).not.toBe(etag)
})

test('changes: a snapshot and what changed since are the next snapshot', async () => {
  const before = await bench.client.call('networkSnapshot', {})
  const since = before.revision
  bench.change()
  const first = bench.peerIds[0]!
  const both = async () => {
    const changes = await bench.client.call('networkChanges', { query: { since } })
    const after = await bench.client.call('networkSnapshot', {})
    const isNews = changes.nodes.some(({ peerId }) => peerId === first) || first in changes.ages
    return isNews && changes.revision === after.revision ? { changes, after } : undefined
  }
  let seen: Awaited<ReturnType<typeof both>>
  const look = async () => {
    seen = await both()
    return seen !== undefined
  }
  await expect.poll(look, { timeout: 10_000 }).toBe(true)
  const { changes, after } = seen!
  expect(changes.isComplete).toBe(true)
  expect(changes.totals).toMatchObject({ nodes: nodesKnown, modelsWhole: 1, modelsPartial: 0, stakedWei: `${bondWei}` })
  const merged = new Map(before.nodes.map((node) => [node.peerId, node]))
  for (const node of changes.nodes) merged.set(node.peerId, node)
  // Sentences and ages tell the time: those of what did not change have gone on.
  const lasting = ({ ageMs, reason, stake, ...node }: (typeof before.nodes)[number]) => [node, stake?.bondWei]
  expect([...merged.values()].map(lasting)).toEqual(after.nodes.map(lasting))
  const ofBefore = await bench.client.call('networkChanges', { query: { since: 0 } })
  expect(ofBefore).toMatchObject({ isComplete: false, nodes: [], ages: {}, gone: [] })
})

test('events of the network: who came, newest first, of all nodes or of one', async () => {
  const { events } = await bench.client.call('listNetworkEvents', {})
  expect(events.filter(({ type }) => type === 'node-joined')).toHaveLength(nodesKnown)
  expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).toSorted((a, b) => b - a))
  const { eventSeq } = await bench.client.call('networkSnapshot', {})
  expect(events[0]!.seq).toBeLessThanOrEqual(eventSeq)
  const query = { peerId: bench.bonded }
  const { events: ofOne } = await bench.client.call('listNetworkEvents', { query })
  expect(ofOne.at(-1)).toMatchObject({ type: 'node-joined', peerId: bench.bonded, region: 'DE' })
  const { events: none } = await bench.client.call('listNetworkEvents', { query: { since: events[0]!.seq + 1e6 } })
  expect(none).toEqual([])
})

test('one node: with what its score is made of', async () => {
  const node = await bench.client.call('getNode', { params: { peerId: bench.bonded } })
  const { earned, evidence } = node.standing
  const sum = Object.values(earned).reduce((total, part) => total + part, 0)
  const left = Object.values(evidence).reduce((product, factor) => product * factor, 1)
  expect(node.score).toBeCloseTo(Math.min(1, sum) * left)
})

test('health: readiness follows the checks, and names the one that fails', async () => {
  expect((await fetch(`${bench.url}/readyz`)).status).toBe(200)
  const { failures } = bench.coordinator.node
  failures.add('query: its database is gone')
  const response = await fetch(`${bench.url}/readyz`)
  failures.clear()
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({
    ready: false,
    checks: [
      { name: 'store', ok: true },
      { name: 'network', ok: true },
      { name: 'parts', ok: false, reason: 'query: its database is gone' },
    ],
  })
  expect(await bench.client.text('metrics')).toContain(`hartonomous_coordinator_nodes{state="busy"} ${nodesBusy}`)
})

test('money: receipts are those of the jobs, stakes those of the nodes, and without a chain there is no balance', async () => {
  // Nodes that ask for nothing give no receipts.
  const { receipts, nextCursor } = await bench.client.call('listReceipts', { query: { limit: 2 } })
  expect(receipts).toEqual([])
  expect(nextCursor).toBeDefined()
  const stakes: unknown[] = []
  for await (const stake of bench.client.pages('listStakes', { query: { limit: 100 } })) stakes.push(stake)
  expect(stakes).toMatchObject([{ peerId: bench.bonded, bondWei: String(bondWei) }])
  await expect(bench.client.call('balances', {})).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
    fields: { kind: 'chain' },
  })
})

test('workflows are saved under the name that they have themselves; keys are shown once', async () => {
  const graph = { name: 'ask', model: 'tiny', steps: [{ id: 'answer', type: 'prompt' as const, prompt: '{{input}}' }] }
  expect(await bench.client.call('saveWorkflow', { params: { name: 'ask' }, body: graph })).toMatchObject({ graph })
  const renamed = bench.client.call('saveWorkflow', { params: { name: 'other' }, body: graph })
  await expect(renamed).rejects.toMatchObject({ code: 'ERR_USAGE' })
  const { workflows } = await bench.client.call('listWorkflows', {})
  expect(workflows.filter(({ origin }) => origin === 'saved')).toMatchObject([{ name: 'ask', steps: 1 }])
  const { tools } = await bench.client.call('listTools', {})
  expect(tools.find(({ name }) => name === 'dice')).toMatchObject({
    args: { type: 'object', properties: { sides: { type: 'integer', minimum: 2, maximum: 1000 } } },
  })

  const { key, keyId } = await bench.client.call('createKey', { body: { label: 'laptop', scopes: ['jobs:read'] } })
  const used = await fetch(`${bench.url}/api/v1/jobs`, { headers: { authorization: `Bearer ${key}` } })
  expect(used.status).toBe(200)
  await bench.client.call('revokeKey', { params: { keyId } })
  const listed = await bench.client.call('listKeys', {})
  expect(listed.keys).toMatchObject([{ keyId, revokedAtMs: expect.any(Number) }])
  expect(JSON.stringify(listed)).not.toContain(key)
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
