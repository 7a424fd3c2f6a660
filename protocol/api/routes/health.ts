import { z } from 'zod'
import { route } from './shape.ts'

const probe = { no: 'for supervisors and scrapers' }

export const healthRoutes = {
  healthz: route({
    method: 'GET',
    path: '/healthz',
    tag: 'health',
    scope: 'open',
    summary: 'That the process is alive.',
    answer: { type: 'json', schema: z.object({ status: z.literal('alive') }) },
    errors: [],
    mcp: probe,
    cli: 'coordinator status',
  }),
  readyz: route({
    method: 'GET',
    path: '/readyz',
    tag: 'health',
    scope: 'open',
    summary: 'Whether it can serve: each check with its reason. 503 where one fails.',
    answer: {
      type: 'json',
      schema: z.object({
        ready: z.boolean(),
        checks: z.array(z.object({ name: z.string(), ok: z.boolean(), reason: z.string().exactOptional() })),
      }),
    },
    errors: [],
    mcp: probe,
    cli: 'coordinator status',
  }),
  version: route({
    method: 'GET',
    path: '/version',
    tag: 'health',
    scope: 'open',
    summary: 'Version of the coordinator.',
    answer: { type: 'json', schema: z.object({ version: z.string() }) },
    errors: [],
    mcp: probe,
    cli: 'coordinator status',
  }),
  about: route({
    method: 'GET',
    path: '/api/v1/about',
    tag: 'health',
    scope: 'open',
    summary: 'Which coordinator this is, and how one signs in.',
    answer: {
      type: 'json',
      schema: z.object({
        version: z.string(),
        peerId: z.string().describe('Of its own node.'),
        startedAtMs: z.number(),
        nodeUrl: z.string().exactOptional().describe("Its node's own page, for who sits at the same machine."),
        signIn: z.object({
          wallets: z.boolean(),
          apiKeys: z.boolean(),
          issuers: z.array(z.string()).describe('Of access tokens (OpenID Connect).'),
        }),
      }),
    },
    errors: [],
    mcp: probe,
    cli: 'coordinator status',
  }),
  metrics: route({
    method: 'GET',
    path: '/metrics',
    tag: 'health',
    scope: 'open',
    summary: 'Metrics as Prometheus text.',
    answer: { type: 'text' },
    errors: [],
    mcp: probe,
    cli: { no: 'Prometheus reads it' },
  }),
}
