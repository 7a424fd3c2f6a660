/**
 * One kept-alive connection that sends bytes and counts the answer: a client that costs a tenth of the server it measures.
 * Answers must have a Content-Length, as all JSON of a coordinator has.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Answer {
  status: number
  bodyBytes: number
}

const headEnd = Buffer.from('\r\n\r\n')

export class Connection {
  readonly #socket: Socket
  #head: Buffer = Buffer.alloc(0)
  /** Of the body, once the head is whole. */
  #missingBytes = 0
  #answer: Answer | undefined
  #waiting: PromiseWithResolvers<Answer> | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#take(bytes))
    socket.once('error', (error) => this.#waiting?.reject(error))
    socket.once('close', () => this.#waiting?.reject(new Error('the server closed a connection')))
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new Connection(socket)
  }

  /** One at a time. */
  exchange(request: Buffer): Promise<Answer> {
    this.#waiting = Promise.withResolvers()
    this.#socket.write(request)
    return this.#waiting.promise
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(bytes: Buffer): void {
    if (this.#answer === undefined) {
      this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes])
      const end = this.#head.indexOf(headEnd)
      if (end < 0) return
      const head = this.#head.toString('latin1', 0, end)
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
      if (length === undefined) return void this.#socket.destroy(new Error(`an answer without a length: ${head}`))
      this.#answer = { status: Number(head.slice(9, 12)), bodyBytes: Number(length) }
      this.#missingBytes = Number(length) - (this.#head.length - end - headEnd.length)
      this.#head = Buffer.alloc(0)
    } else this.#missingBytes -= bytes.length
    if (this.#missingBytes > 0) return
    const [answer, waiting] = [this.#answer, this.#waiting]
    this.#answer = undefined
    waiting?.resolve(answer)
  }
}

export interface Sent {
  method: 'GET' | 'POST'
  path: string
  body?: object
}

/** Of `url` only the host is meant. */
export function requestBytes(url: string, { method, path, body }: Sent, token: string): Buffer {
  const text = body === undefined ? '' : JSON.stringify(body)
  const ofBody =
    body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${token}\r\n${ofBody}`
  return Buffer.from(`${head}\r\n${text}`)
}
