/**
 * What a route of the coordinator is. One table of them says everything: the server registers it, the OpenAPI document and
 * its page are written from it, the client's types follow from it, and the tools for agents and the commands are held
 * against it. Pure: the web page reads it too.
 */
import { z } from 'zod'
import type { ErrorCode } from '../../errors.ts'

/** What an API key or a role may be limited to. `open`: nobody is asked who they are; `any`: nothing else is asked. */
export type RouteScope =
  | 'open'
  | 'any'
  | 'network:read'
  | 'query'
  | 'jobs:read'
  | 'jobs:write'
  | 'infer'
  | 'keys'
  | 'admin'

/** The same by another face: its name there, or why it has none. */
export type OtherFace = string | { no: string }

export type Answer =
  /** `events`: the same as server-sent events, where the body asks for them. */
  | { type: 'json'; schema: z.ZodType; jsonl?: z.ZodType; events?: z.ZodType }
  /** Server-sent events, each with JSON of `schema` as its data. */
  | { type: 'events'; schema: z.ZodType }
  | { type: 'text' }

export interface RouteShape {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** As OpenAPI has it: `/api/v1/jobs/{jobId}`. */
  path: string
  tag:
    | 'network'
    | 'models'
    | 'query'
    | 'jobs'
    | 'workflows'
    | 'money'
    | 'keys'
    | 'auth'
    | 'openai'
    | 'constitution'
    | 'health'
  scope: RouteScope
  summary: string
  params?: z.ZodObject
  query?: z.ZodObject
  body?: z.ZodType
  /** Read by the handler besides those that every request has. */
  headers?: readonly ('Idempotency-Key' | 'Last-Event-ID' | 'If-None-Match')[]
  /** The body may come as JSONL: one value of this per line. */
  bodyLines?: z.ZodType
  answer: Answer
  /** 200 unless given. */
  status?: 201 | 202
  /** Besides ERR_USAGE, and ERR_AUTH, ERR_FORBIDDEN and ERR_QUOTA where a scope is asked for. */
  errors: readonly ErrorCode[]
  /** Tool of the MCP server. */
  mcp: OtherFace
  /** Command of `hart`, without `hart`. */
  cli: OtherFace
}

/** Keeps the exact types of its schemas. */
export function route<const R extends RouteShape>(shape: R): R {
  return shape
}

export const pageSizeDefault = 100
export const pageSizeMax = 1000

export const pageQuery = {
  cursor: z.string().min(1).max(512).exactOptional().describe('`nextCursor` of the page before.'),
  limit: z.coerce.number().int().min(1).max(pageSizeMax).exactOptional().describe('At most; 100 unless given.'),
}
export const nextCursor = z.string().exactOptional().describe('Absent on the last page.')

export const modelReference = z.string().min(1).max(2048).describe('Name of a release, or a model id.')
