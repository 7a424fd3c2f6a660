/**
 * Routes of a coordinator that are served by parts of their own: signing in, and the gateway of the node. The document
 * describes them like all others; nothing registers them from here.
 */
import { z } from 'zod'
import { chatCompletionRequest, completionRequest, embeddingsRequest } from '../openai-request.ts'
import { chatCompletion, chatCompletionChunk, completion, embeddings, modelList } from '../openai-response.ts'
import { type RouteShape, route } from './shape.ts'

const identityView = z.object({
  tenant: z.string(),
  name: z.string(),
  role: z.enum(['owner', 'operator', 'member', 'reader']),
  scopes: z.array(z.string()),
  method: z.enum(['owner', 'oidc', 'api-key', 'siwe', 'anonymous']),
  credential: z.string().describe('Which key, token or session it is; never a secret.'),
  quota: z
    .object({ requestsLeft: z.number(), tokensLeft: z.number(), jobs: z.number(), storedBytes: z.number() })
    .exactOptional()
    .describe('Absent for whom nothing is limited.'),
})

const byWallet = { no: 'a wallet of the browser signs; the commands use the owner token or a key' }
const noCredentials = { no: 'agents make and see no credentials' }
const anyClient = { no: 'for programs that speak this API; hart jobs submit does the same' }
const asTool = 'chat'

export const routesElsewhere = {
  walletNonce: route({
    method: 'POST',
    path: '/api/v1/auth/siwe/nonce',
    tag: 'auth',
    scope: 'open',
    summary: 'What a wallet needs to write a message to sign in with (EIP-4361).',
    answer: {
      type: 'json',
      schema: z.object({
        nonce: z.string(),
        expiresAtMs: z.number(),
        version: z.literal('1'),
        statement: z.string(),
        chainIds: z.array(z.number()),
      }),
    },
    errors: ['ERR_FORBIDDEN'],
    mcp: noCredentials,
    cli: byWallet,
  }),
  walletSignIn: route({
    method: 'POST',
    path: '/api/v1/auth/siwe',
    tag: 'auth',
    scope: 'open',
    summary: 'Signs in with a message that a wallet has signed; the token is a bearer token.',
    body: z.strictObject({
      message: z.string().min(1),
      signature: z.string().min(1).max(132).describe('0x and the signature of personal_sign.'),
    }),
    answer: {
      type: 'json',
      schema: z.object({ token: z.string(), expiresAtMs: z.number(), identity: identityView }),
    },
    errors: ['ERR_AUTH', 'ERR_FORBIDDEN', 'ERR_QUOTA'],
    mcp: noCredentials,
    cli: byWallet,
  }),
  whoAmI: route({
    method: 'GET',
    path: '/api/v1/auth/me',
    tag: 'auth',
    scope: 'any',
    summary: 'What the caller is taken for, and what it may still use.',
    answer: { type: 'json', schema: identityView },
    errors: [],
    mcp: noCredentials,
    cli: { no: 'hart coordinator status says whether the coordinator answers this caller' },
  }),
  openAiModels: route({
    method: 'GET',
    path: '/v1/models',
    tag: 'openai',
    scope: 'infer',
    summary: 'Models that answer prompts now.',
    answer: { type: 'json', schema: modelList },
    errors: [],
    mcp: 'list_models',
    cli: anyClient,
  }),
  openAiChat: route({
    method: 'POST',
    path: '/v1/chat/completions',
    tag: 'openai',
    scope: 'infer',
    summary: 'Answers a chat; with `stream` as events, the last of which is `[DONE]`.',
    body: chatCompletionRequest,
    answer: { type: 'json', schema: chatCompletion, events: chatCompletionChunk },
    errors: ['ERR_NOT_FOUND', 'ERR_CONTEXT_LENGTH', 'ERR_NO_SOURCE'],
    mcp: asTool,
    cli: anyClient,
  }),
  openAiCompletion: route({
    method: 'POST',
    path: '/v1/completions',
    tag: 'openai',
    scope: 'infer',
    summary: 'Goes on with a text; with `stream` as events, the last of which is `[DONE]`.',
    body: completionRequest,
    answer: { type: 'json', schema: completion, events: completion },
    errors: ['ERR_NOT_FOUND', 'ERR_CONTEXT_LENGTH', 'ERR_NO_SOURCE'],
    mcp: asTool,
    cli: anyClient,
  }),
  openAiEmbeddings: route({
    method: 'POST',
    path: '/v1/embeddings',
    tag: 'openai',
    scope: 'infer',
    summary: 'Vectors of texts.',
    body: embeddingsRequest,
    answer: { type: 'json', schema: embeddings },
    errors: ['ERR_NOT_FOUND', 'ERR_CONTEXT_LENGTH', 'ERR_NO_SOURCE'],
    mcp: { no: 'vectors are of no use to an agent' },
    cli: anyClient,
  }),
} satisfies Record<string, RouteShape>
