/** An HTTP server with byte ranges for the tests of this folder; it can be told to misbehave. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Behaviour {
  etag?: string
  /** Answers instead of the usual one; false: go on. */
  before?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean
}

export interface RangeServer {
  origin: string
  /** As they were asked for, with the path. */
  requests: { path: string; range: string; headers: IncomingMessage['headers'] }[]
  close(): Promise<void>
}

/** @param bodyOf bytes by path; `undefined` is 404. */
export async function startRangeServer(
  bodyOf: (path: string) => Buffer | undefined,
  behaviour: Behaviour = {},
): Promise<RangeServer> {
  const requests: RangeServer['requests'] = []
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://host').pathname
    requests.push({ path, range: request.headers.range ?? '', headers: request.headers })
    if (behaviour.before?.(request, response, requests.length)) return
    const body = bodyOf(path)
    if (body === undefined) {
      response.writeHead(404).end()
      return
    }
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const from = Number(match?.[1])
    const to = Math.min(Number(match?.[2]), body.length - 1)
    response.writeHead(206, {
      'content-range': `bytes ${from}-${to}/${body.length}`,
      'content-length': to - from + 1,
      etag: behaviour.etag ?? '"one"',
    })
    response.end(body.subarray(from, to + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
