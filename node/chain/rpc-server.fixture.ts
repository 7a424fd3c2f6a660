/** JSON-RPC over HTTP in front of a chain inside this process; it can be made to refuse. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RpcServer {
  url: string
  /** How many requests of each method came in. */
  counts: Map<string, number>
  close(): Promise<void>
}

type Request = (method: string, params: unknown[]) => Promise<unknown>
/** What is wrong with a request: a text becomes a JSON-RPC error, a number an HTTP status. */
type Refuse = (method: string, params: unknown[]) => string | number | undefined

export async function serveRpc(request: Request, refuse: Refuse = () => undefined): Promise<RpcServer> {
  const counts = new Map<string, number>()
  const server = createServer(async (incoming, outgoing) => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const {
      id,
      method,
      params = [],
    } = JSON.parse(Buffer.concat(parts).toString('utf8')) as {
      id: number
      method: string
      params?: unknown[]
    }
    counts.set(method, (counts.get(method) ?? 0) + 1)
    const refusal = refuse(method, params)
    if (typeof refusal === 'number') {
      outgoing.writeHead(refusal).end()
      return
    }
    const answer =
      refusal !== undefined
        ? { error: { code: -32005, message: refusal } }
        : await request(method, params).then(
            (result) => ({ result }),
            (error: { code?: number; message: string; data?: unknown }) => ({
              error: { code: error.code ?? -32603, message: error.message, data: error.data },
            }),
          )
    outgoing.writeHead(200, { 'content-type': 'application/json' })
    outgoing.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
