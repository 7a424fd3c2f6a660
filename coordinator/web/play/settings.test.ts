import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { submitRequest } from '#protocol/api/jobs.ts'
import { parseChatCompletionRequest } from '#protocol/api/openai-request.ts'
import { curlOf, maxProblem, requestOf } from './settings.ts'

const settings = {
  model: 'm',
  privacy: 'trusted' as const,
  max: '0.5',
  temperature: 0,
  tokens: 12,
  seed: 7,
}

test('settings: they make a request that the API takes, and say nothing of what was left open', () => {
  const asked = [{ role: 'user' as const, content: 'Hello' }]
  const request = requestOf(settings, 'm', asked)
  expect(submitRequest.parse(request)).toEqual(request)
  expect(request).toEqual({
    work: { kind: 'chat', model: 'm', messages: asked, temperature: 0, maxTokens: 12, seed: 7 },
    terms: { privacy: 'trusted', maxPriceWei: '500000000000000000' },
  })
  const open = {
    model: undefined,
    privacy: undefined,
    max: undefined,
    temperature: undefined,
    tokens: undefined,
    seed: undefined,
  }
  expect(requestOf(open, 'm', asked)).toEqual({
    work: { kind: 'chat', model: 'm', messages: asked },
    terms: { privacy: 'public' },
  })
})

test('settings: a price that is no amount is said to be none', () => {
  expect(['', '2', '0.25', '3 HART'].map(maxProblem)).toEqual([undefined, undefined, undefined, undefined])
  for (const max of ['two', '-1', '1e3']) expect(maxProblem(max)).toContain('0.5')
})

test('curl: a shell hands on the request as it is, quotes and all, and the OpenAI face takes it', () => {
  const content = `it's "quoted" \\ $HOME \`x\`\n'second' line`
  const text = curlOf('http://127.0.0.1:1', requestOf(settings, 'm', [{ role: 'user', content }]))
  // The shell's own reading of it, with a command that gives back its last argument in place of curl.
  const script = `curl() { for last; do :; done; printf %s "$last"; }\n${text}`
  const body: unknown = JSON.parse(execFileSync('bash', ['-c', script], { encoding: 'utf8' }))
  expect(parseChatCompletionRequest(body)).toMatchObject({
    model: 'm',
    isStream: true,
    prompt: { messages: [{ role: 'user', content }] },
    sampling: { temperature: 0, maxTokens: 12, seed: 7 },
  })
})
