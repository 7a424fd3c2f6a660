/**
 * MCP over stdin and stdout, for programs that start their servers: the same tools, over the HTTP API of a coordinator that
 * runs. A coordinator of its own would hold the same data folder twice; over the API the caller's key and quota count, and
 * the coordinator may be on another machine.
 */
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { CoordinatorClient } from '#protocol/api/client.ts'
import { createMcpServer } from './server.ts'

export interface StdioOptions {
  url: string
  token?: string
}

/** Until stdin ends. Nothing but MCP is written to stdout. @throws {ERR_IO} where no coordinator answers */
export async function serveMcpStdio({ url, token }: StdioOptions): Promise<void> {
  const client = new CoordinatorClient(token === undefined ? { url } : { url, token })
  const { version } = await client.call('version', {})
  const ended = Promise.withResolvers<void>()
  const handle = serveStdio(() => createMcpServer(client.call, version))
  process.stdin.once('end', ended.resolve)
  process.stdin.once('close', ended.resolve)
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ended.resolve())
  await ended.promise
  await handle.close()
}
