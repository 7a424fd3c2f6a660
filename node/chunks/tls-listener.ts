/** Accepts TLS data connections: only with a one-time token of ours, under the certificate that the token names. */
import { constants } from 'node:crypto'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type ChunkControlFrame, type ChunkRole, chunkOp, chunkProtocolVersion } from '#protocol/chunk/index.ts'
import type { PeerId } from '#protocol/ids.ts'
import { dataConnectionsMax, dataConnectionsPerPeerMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import { type DataCertificate, sha256Hex } from './certificate.ts'
import { TlsChannel } from './frame-channel.ts'
import { FrameConnection } from './frame-connection.ts'
import type { OfferTokens } from './offer-tokens.ts'

/** Handshake and hello together; a peer that has the token needs one round trip for each. */
const helloTimeoutMs = 10 * second
/** Connections that have shown no token yet, beyond the ones that have. */
const strangersMax = 64

export interface AcceptedConnection {
  peerId: PeerId
  /** What the dialler does. */
  role: ChunkRole
  token: Uint8Array
  certificateSha256: string
  connection: FrameConnection
}

/** Both ends of a data connection speak exactly this: AES-128-GCM is the cheapest suite of TLS 1.3. */
export const tlsOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  rejectUnauthorized: false,
} as const

export class TlsListener {
  readonly host: string
  #server: Server
  readonly #tokens: OfferTokens
  readonly #onAccepted: (accepted: AcceptedConnection) => void
  readonly #perPeer = new Map<PeerId, number>()
  readonly #sockets = new Set<TLSSocket>()
  #known = 0

  constructor(
    host: string,
    certificate: DataCertificate,
    tokens: OfferTokens,
    onAccepted: (accepted: AcceptedConnection) => void,
  ) {
    this.host = host
    this.#tokens = tokens
    this.#onAccepted = onAccepted
    this.#server = createServer({
      ...tlsOptions,
      key: certificate.privateKeyPem,
      cert: certificate.certificatePem,
      requestCert: true,
      handshakeTimeout: helloTimeoutMs,
      // A resumed session would skip the certificate.
      secureOptions: constants.SSL_OP_NO_TICKET,
      noDelay: true,
    })
    this.#server.maxConnections = dataConnectionsMax + strangersMax
    this.#server.on('secureConnection', (socket) => this.#greet(socket))
    // Strangers that speak something else; their socket is closed by Node.
    this.#server.on('tlsClientError', () => {})
  }

  async listen(port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen(port, this.host, resolve)
    await promise
    this.#server.off('error', reject)
    this.#server.on('error', () => {})
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : port
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #greet(socket: TLSSocket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const channel = new TlsChannel(socket, false)
    const der = socket.getPeerX509Certificate()?.raw
    if (der === undefined) {
      channel.close('no certificate')
      return
    }
    const certificateSha256 = sha256Hex(der)
    const timer = setTimeout(() => connection.close('no hello in time'), helloTimeoutMs)
    const connection: FrameConnection = new FrameConnection(channel, 'undecided', {
      onFrame: (frame) => {
        clearTimeout(timer)
        this.#admit(socket, connection, certificateSha256, frame)
      },
      onData: () => {},
      onEnd: () => clearTimeout(timer),
    })
    connection.start()
  }

  #admit(socket: TLSSocket, connection: FrameConnection, certificateSha256: string, frame: ChunkControlFrame): void {
    if (frame.op !== chunkOp.hello || frame.hello.version !== chunkProtocolVersion) {
      connection.close('a hello of another version')
      return
    }
    const { role, token } = frame.hello
    const offer = this.#tokens.redeem(token, certificateSha256)
    if (offer === undefined) {
      connection.close('no valid token for this certificate')
      return
    }
    const { peerId } = offer
    const connections = this.#perPeer.get(peerId) ?? 0
    if (connections >= dataConnectionsPerPeerMax || this.#known >= dataConnectionsMax) {
      connection.close('too many connections')
      return
    }
    this.#count(peerId, 1)
    socket.once('close', () => this.#count(peerId, -1))
    this.#onAccepted({ peerId, role, token, certificateSha256, connection })
  }

  #count(peerId: PeerId, change: 1 | -1): void {
    this.#known += change
    const connections = (this.#perPeer.get(peerId) ?? 0) + change
    if (connections === 0) this.#perPeer.delete(peerId)
    else this.#perPeer.set(peerId, connections)
  }
}
