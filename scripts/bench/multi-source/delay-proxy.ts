/** TCP proxies that hold back every byte for half a round trip in each direction; told over IPC what to forward to. */
import { connect, createServer, type Socket } from 'node:net'

export interface ProxyRequest {
  targetPort: number
  oneWayMs: number
}

/** Above this the sender is held back: 100 MB/s for 60 ms are 6 MB. */
const heldBytesMax = 32 * 1024 * 1024

function forward(from: Socket, to: Socket, oneWayMs: number): void {
  const queue: { dueMs: number; bytes: Buffer }[] = []
  let heldBytes = 0
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    timer = undefined
    const nowMs = performance.now()
    while (queue.length > 0 && queue[0]!.dueMs <= nowMs) {
      const { bytes } = queue.shift()!
      heldBytes -= bytes.length
      if (to.writable) to.write(bytes)
    }
    if (from.isPaused() && heldBytes < heldBytesMax / 2) from.resume()
    if (queue.length > 0) timer = setTimeout(flush, Math.max(1, queue[0]!.dueMs - nowMs))
  }
  from.on('data', (bytes) => {
    queue.push({ dueMs: performance.now() + oneWayMs, bytes })
    heldBytes += bytes.length
    if (heldBytes > heldBytesMax) from.pause()
    timer ??= setTimeout(flush, oneWayMs)
  })
  from.on('error', () => {})
  from.on('close', () => {
    clearTimeout(timer)
    to.destroy()
  })
}

function startProxy({ targetPort, oneWayMs }: ProxyRequest): void {
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    forward(near, far, oneWayMs)
    forward(far, near, oneWayMs)
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.({ result: typeof address === 'object' ? address?.port : undefined })
  })
}

process.on('message', (request: ProxyRequest) => startProxy(request))
process.on('disconnect', () => process.exit(0))
