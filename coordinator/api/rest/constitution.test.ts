import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultText } from '../../constitution/index.ts'
import { type ApiBench, startApi } from '../api.fixture.ts'

let bench: ApiBench
beforeAll(async () => {
  bench = await startApi()
})
afterAll(() => bench?.close())

test('a constitution that was made from another than the one in force is refused with 409, by its hash', async () => {
  const { hash: previous } = await bench.client.call('getConstitution', {})
  const put = (text: string) =>
    fetch(`${bench.url}/api/v1/constitution`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${bench.tokens.owner}`, 'content-type': 'application/json' },
      body: JSON.stringify({ text, previous }),
    })
  const changed = await put(`${defaultText()}// first`)
  expect(changed.status).toBe(200)
  const { hash } = (await changed.json()) as { hash: string }
  const late = await put(`${defaultText()}// second`)
  expect(late.status).toBe(409)
  expect(await late.json()).toMatchObject({ code: 'ERR_STORE_CONFLICT', detail: expect.stringContaining(hash) })
  const wrong = await put('permit (principal, action == Action::"qurey", resource);')
  expect(wrong.status).toBe(400)
  expect(await wrong.json()).toMatchObject({ detail: expect.stringContaining('line 1, column') })
  expect((await bench.client.call('getConstitution', {})).hash).toBe(hash)
})

test('pages of the log lead from one to the next, each decision once', async () => {
  const seqs: number[] = []
  // Each page that is read is a decision itself: newer than the first page, so none of them shows.
  for await (const { seq } of bench.client.pages('listAudit', { query: { limit: 2 } })) seqs.push(seq)
  expect(seqs).toEqual(seqs.map((_, at) => seqs[0]! - at))
  expect(seqs.at(-1)).toBe(1)
})
