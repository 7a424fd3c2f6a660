import { z } from 'zod'
import { nextCursor, route } from './shape.ts'

/** A key without the key: that is shown once, to who makes it. */
export const apiKeyView = z.object({
  keyId: z.string(),
  label: z.string(),
  scopes: z.array(z.string()),
  createdAtMs: z.number(),
  expiresAtMs: z.number().exactOptional(),
  revokedAtMs: z.number().exactOptional(),
  lastUsedAtMs: z.number().exactOptional(),
})
export type ApiKeyView = z.infer<typeof apiKeyView>

export const createKeyRequest = z.strictObject({
  label: z.string().min(1).max(96),
  scopes: z
    .array(z.enum(['network:read', 'query', 'jobs:read', 'jobs:write', 'infer', 'keys', 'admin']))
    .min(1)
    .max(7)
    .describe('No more than the caller has.'),
  expiresAtMs: z.int().min(0).exactOptional(),
})
export type CreateKeyRequest = z.infer<typeof createKeyRequest>

export const createdKeyView = apiKeyView.extend({ key: z.string().describe('Shown this once; kept nowhere.') })
export type CreatedKeyView = z.infer<typeof createdKeyView>

const no = { no: 'agents make and see no credentials' }

export const keyRoutes = {
  createKey: route({
    method: 'POST',
    path: '/api/v1/keys',
    tag: 'keys',
    scope: 'keys',
    summary: 'Makes an API key.',
    body: createKeyRequest,
    answer: { type: 'json', schema: createdKeyView },
    status: 201,
    errors: ['ERR_LIMIT'],
    mcp: no,
    cli: 'key create',
  }),
  listKeys: route({
    method: 'GET',
    path: '/api/v1/keys',
    tag: 'keys',
    scope: 'keys',
    summary: "The caller's API keys, without the keys themselves.",
    answer: { type: 'json', schema: z.object({ keys: z.array(apiKeyView), nextCursor }) },
    errors: [],
    mcp: no,
    cli: 'key list',
  }),
  revokeKey: route({
    method: 'DELETE',
    path: '/api/v1/keys/{keyId}',
    tag: 'keys',
    scope: 'keys',
    summary: 'Revokes an API key at once.',
    params: z.strictObject({ keyId: z.string().min(1).max(128) }),
    answer: { type: 'json', schema: z.object({ keyId: z.string(), isRevoked: z.literal(true) }) },
    errors: ['ERR_NOT_FOUND'],
    mcp: no,
    cli: 'key revoke',
  }),
}
