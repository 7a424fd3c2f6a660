/** The OpenAPI 3.1 document, written from the table of routes. Source: spec.openapis.org/oas/v3.1.1. */
import type { z } from 'zod'
import { documentedRoutes, type RouteShape } from '#protocol/api/routes/index.ts'
import { type ErrorCode, errorRules } from '#protocol/errors.ts'
import { type JsonSchema, schemaOf } from './schemas.ts'

export interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  parameters?: {
    name: string
    in: 'path' | 'query' | 'header'
    required: boolean
    description?: string
    schema: JsonSchema
  }[]
  requestBody?: { required: true; content: Record<string, { schema: JsonSchema }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: JsonSchema }> }>
  security: Record<string, string[]>[]
  'x-scope'?: string
  'x-hart-command'?: string
  'x-mcp-tool'?: string
}

export interface OpenApiDocument {
  openapi: '3.1.1'
  info: { title: string; version: string; summary: string; description: string }
  servers: { url: string; description: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, JsonSchema>; securitySchemes: Record<string, JsonSchema> }
}

const tags: Record<RouteShape['tag'], string> = {
  network: 'Nodes of the swarm as this coordinator sees them.',
  models: 'Models, their parts and their weights.',
  query: 'Finding, mapping and planning over components; SQL.',
  jobs: 'Work: quoted, submitted, followed, cancelled.',
  workflows: 'Graphs of work.',
  money: 'Receipts, bonds and balances. Amounts are decimal digits of wei.',
  keys: 'API keys.',
  auth: 'Signing in, and what one is taken for.',
  openai: 'The API of OpenAI over the swarm: each prompt is a job. Errors have the shape of that API.',
  constitution: 'Who may do what: the rules in force, and what they decided.',
  health: 'For supervisors; no credentials.',
}

const headerHelp: Record<NonNullable<RouteShape['headers']>[number], string> = {
  'Idempotency-Key': 'The same key with the same request is the same job; with another request it is refused.',
  'Last-Event-ID': 'Events behind that one; browsers send it by themselves.',
  'If-None-Match': 'The ETag of the answer that is known: 304 while it holds.',
}

/** `version` of the program: the paths carry that of the API. */
export function openApiDocument(version: string): OpenApiDocument {
  const components = new Map<string, JsonSchema>()
  const paths: OpenApiDocument['paths'] = {}
  for (const [name, shape] of Object.entries(documentedRoutes)) {
    paths[shape.path] = {
      ...paths[shape.path],
      [shape.method.toLowerCase()]: operationOf(name, shape, components),
    }
  }
  components.set('Problem', problem)
  components.set('OpenAiError', openAiError)
  const schemas = Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    openapi: '3.1.1',
    info: {
      title: 'Hartonomous coordinator',
      version,
      summary: 'A swarm of nodes as a service: its models, its nodes, and jobs on them.',
      description:
        'Errors are RFC 9457 problems with a stable `code`. Lists come in pages: `nextCursor` of one is `cursor` of the next. ' +
        'Unknown query parameters are refused by name. Times are milliseconds (since 1970 where a name ends in `AtMs`), sizes bytes.',
    },
    servers: [{ url: '/', description: 'The coordinator that serves this document.' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'Owner token, API key or access token (OIDC).' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'hartonomous_PORT',
          description: 'Of a browser, from POST /api/v1/session.',
        },
      },
    },
  }
}

function operationOf(operationId: string, shape: RouteShape, components: Map<string, JsonSchema>): Operation {
  const { summary, tag, scope, mcp, cli } = shape
  const parameters = [
    ...parametersOf('path', shape.params, components),
    ...parametersOf('query', shape.query, components),
    ...(shape.headers ?? []).map((name) => ({
      name,
      in: 'header' as const,
      required: false,
      description: headerHelp[name],
      schema: { type: 'string' },
    })),
  ]
  return {
    operationId,
    tags: [tag],
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...bodyOf(shape, components),
    responses: { ...successOf(shape, components), ...failuresOf(shape) },
    security: scope === 'open' ? [] : [{ bearer: [] }, { session: [] }],
    ...(scope === 'open' || scope === 'any' ? {} : { 'x-scope': scope }),
    ...(typeof cli === 'string' ? { 'x-hart-command': `hart ${cli}` } : {}),
    ...(typeof mcp === 'string' ? { 'x-mcp-tool': mcp } : {}),
  }
}

function parametersOf(where: 'path' | 'query', schema: z.ZodObject | undefined, components: Map<string, JsonSchema>) {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = schemaOf(schema, 'input', components)
  return Object.entries(properties as Record<string, JsonSchema>).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || (required as string[]).includes(name),
    ...(typeof description === 'string' ? { description } : {}),
    schema: rest,
  }))
}

function bodyOf({ body, bodyLines }: RouteShape, components: Map<string, JsonSchema>): Pick<Operation, 'requestBody'> {
  if (body === undefined) return {}
  const content = { 'application/json': { schema: schemaOf(body, 'input', components) } }
  if (bodyLines === undefined) return { requestBody: { required: true, content } }
  const lines = { ...schemaOf(bodyLines, 'input', components), description: 'One per line.' }
  return { requestBody: { required: true, content: { ...content, 'application/jsonl': { schema: lines } } } }
}

function successOf({ answer, status: given }: RouteShape, components: Map<string, JsonSchema>): Operation['responses'] {
  const status = given ?? 200
  if (answer.type === 'text')
    return { [status]: { description: 'Text.', content: { 'text/plain': { schema: { type: 'string' } } } } }
  const schema = schemaOf(answer.schema, 'output', components)
  if (answer.type === 'events') {
    const data = { ...schema, description: 'JSON of the data of each event.' }
    return { [status]: { description: 'Server-sent events.', content: { 'text/event-stream': { schema: data } } } }
  }
  const events = answer.events === undefined ? undefined : schemaOf(answer.events, 'output', components)
  const lines = answer.jsonl === undefined ? undefined : schemaOf(answer.jsonl, 'output', components)
  return {
    [status]: {
      description: 'As asked.',
      content: {
        'application/json': { schema },
        ...(lines === undefined ? {} : { 'application/jsonl': { schema: { ...lines, description: 'One per line.' } } }),
        ...(events === undefined
          ? {}
          : { 'text/event-stream': { schema: { ...events, description: 'JSON of the data of each event.' } } }),
      },
    },
  }
}

/** By status, with the codes that come with it. */
function failuresOf({ scope, errors, params, query, body, path, tag }: RouteShape): Operation['responses'] {
  const asked: ErrorCode[] =
    scope === 'any' ? ['ERR_AUTH', 'ERR_QUOTA'] : scope === 'open' ? [] : ['ERR_AUTH', 'ERR_FORBIDDEN', 'ERR_QUOTA']
  const sent: ErrorCode[] = params !== undefined || query !== undefined || body !== undefined ? ['ERR_USAGE'] : []
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set([...sent, ...asked, ...errors])) {
    const { http } = errorRules[code]
    byStatus.set(http, [...(byStatus.get(http) ?? []), code])
  }
  const failures: [string, Operation['responses'][string]][] = [...byStatus].map(([status, codes]) => [
    String(status),
    {
      description: codes.join(', '),
      content:
        tag === 'openai'
          ? { 'application/json': { schema: { $ref: '#/components/schemas/OpenAiError' } } }
          : { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ])
  if (path === '/readyz') failures.push(['503', { description: 'A check fails; the body is the same.' }])
  return Object.fromEntries(failures)
}

const problem: JsonSchema = {
  type: 'object',
  description: 'RFC 9457. Branch on `code`; `fields` are the figures of `detail`, `fix` says what to do.',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(errorRules) },
    fields: { type: 'object' },
    fix: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'fields'],
}

const openAiError: JsonSchema = {
  type: 'object',
  description: 'As the clients of OpenAI read it.',
  properties: {
    error: {
      type: 'object',
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'] },
        code: { type: ['string', 'null'] },
      },
      required: ['message', 'type', 'param', 'code'],
    },
  },
  required: ['error'],
}
