import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'
import { CoordinatorClient } from './client.ts'

/** Answers in turn; what was asked is kept. */
function answering(...answers: { status?: number; body: string }[]) {
  const asked: { url: string; init: RequestInit }[] = []
  const fetchOf = async (url: string | URL | Request, init: RequestInit = {}) => {
    asked.push({ url: String(url), init })
    const { status = 200, body } = answers[asked.length - 1]!
    return new Response(body, { status })
  }
  return { asked, fetch: fetchOf as typeof fetch }
}

const url = 'http://coordinator.test/'

test('client: paths, queries and keys are written as the routes have them', async () => {
  const { asked, fetch } = answering({ body: '{}' }, { body: '{}' }, { body: '{}' })
  const client = new CoordinatorClient({ url, token: 't', fetch })
  await client.call('getModel', { params: { model: 'hf:a/b c' } })
  await client.call('listJobs', { query: { state: ['running', 'waiting'], limit: 5 } })
  const work = { kind: 'pull' as const, model: 'm' }
  await client.call('submitJob', { body: { work } }, { idempotencyKey: 'k' })
  expect(asked.map((each) => each.url)).toEqual([
    'http://coordinator.test/api/v1/models/hf%3Aa%2Fb%20c',
    'http://coordinator.test/api/v1/jobs?state=running%2Cwaiting&limit=5',
    'http://coordinator.test/api/v1/jobs',
  ])
  expect(asked[2]!.init).toMatchObject({
    method: 'POST',
    headers: { authorization: 'Bearer t', 'idempotency-key': 'k', 'content-type': 'application/json' },
    body: JSON.stringify({ work }),
  })
})

test('client: what is no problem of ours is told with its status; nothing is tried again', async () => {
  const { asked, fetch } = answering({ status: 502, body: '<html>Bad gateway' })
  const client = new CoordinatorClient({ url, fetch })
  await expect(client.call('version', {})).rejects.toThrow(/HTTP 502 <html>Bad gateway/)
  expect(asked).toHaveLength(1)
})

test('client: it runs where there is nothing of Node', async () => {
  const entry = fileURLToPath(new URL('client.ts', import.meta.url))
  const lib = { entry, formats: ['iife' as const], name: 'client' }
  const built = (await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, lib },
  })) as Rolldown.RolldownOutput[]
  const { code } = built[0]!.output[0]
  expect(code).not.toMatch(/["'`]node:|__vite-browser-external/)
  const { fetch } = answering(
    { body: JSON.stringify({ nodes: [{ peerId: 'a' }], nextCursor: 'x' }) },
    { body: JSON.stringify({ nodes: [{ peerId: 'b' }] }) },
  )
  const page = createContext({ fetch, URL, URLSearchParams, AbortSignal, TextDecoder, setTimeout })
  const peerIds = await runInContext(
    `${code}; (async () => {
      const seen = []
      for await (const { peerId } of new client.CoordinatorClient({ url: '${url}' }).pages('listNodes', {})) seen.push(peerId)
      return seen.join()
    })()`,
    page,
  )
  expect(peerIds).toBe('a,b')
})
