/**
 * MCP over Streamable HTTP. Each request has its own server, for the one who calls: nothing is kept between requests, as
 * revision 2026-07-28 has it; clients of 2025 are served the same way. Foreign pages were refused before, by the guard of
 * the whole server (Host and Origin).
 */
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Identity } from '../../identity.ts'
import { callAs, type Dispatch } from '../dispatch.ts'
import { createMcpServer } from './server.ts'

export interface McpHttp {
  /** Answers in place of the reply, which is taken over. */
  handle(identity: Identity, request: FastifyRequest, reply: FastifyReply): Promise<void>
  close(): Promise<void>
}

export function createMcpHttp(dispatch: Dispatch, version: string): McpHttp {
  const closing = new AbortController()
  const handler = createMcpHandler(({ authInfo }) => {
    // Set below for every request.
    const identity = authInfo?.extra?.['identity'] as Identity
    return createMcpServer(callAs(identity, dispatch, closing.signal), version)
  })
  const serve = toNodeHandler(handler)
  return {
    handle: async (identity, request, reply) => {
      reply.hijack()
      // What the guard decided for pages of others.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      const auth = { token: '', clientId: identity.credential, scopes: [...identity.scopes], extra: { identity } }
      await serve(Object.assign(request.raw, { auth }) as NodeIncomingMessageLike, reply.raw, request.body)
    },
    close: async () => {
      closing.abort(new Error('the coordinator stops'))
      await handler.close()
    },
  }
}
