/** Dials a TLS data connection. Received bytes land in one static buffer: that is most of what makes it fast. */
import type { NetConnectOpts } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type ChunkRole, chunkProtocolVersion, encodeHello } from '#protocol/chunk/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { KiB, second } from '#protocol/units.ts'
import { type DataCertificate, sha256Hex } from './certificate.ts'
import { TlsChannel } from './frame-channel.ts'
import { tlsOptions } from './tls-listener.ts'
import type { TlsSourceAddress } from './types.ts'

const dialTimeoutMs = 10 * second
/** TLS gives a record of 16 KiB per call; a larger buffer brings nothing and leaves the nearest cache. */
const receiveBufferBytes = 64 * KiB
const recordBytes = 16 * KiB

/**
 * Connects, compares the pinned certificate, and says hello. The peer may still refuse the token: then the channel ends.
 * @throws {ERR_PEER_UNREACHABLE} @throws {ERR_PEER_PROTOCOL} for another certificate than the offer named.
 */
export async function dialTls(
  address: TlsSourceAddress,
  role: ChunkRole,
  certificate: DataCertificate,
): Promise<TlsChannel> {
  // `onread` is called with the channel that is made right below, never before the connection is up.
  const late: { channel?: TlsChannel } = {}
  const buffer = new Uint8Array(receiveBufferBytes)
  const record = buffer.subarray(0, recordBytes)
  const options: ConnectionOptions & Pick<NetConnectOpts, 'onread'> = {
    ...tlsOptions,
    host: address.host,
    port: address.port,
    key: certificate.privateKeyPem,
    cert: certificate.certificatePem,
    onread: {
      buffer,
      // Nearly all calls bring a full record: no view is made for those.
      callback: (length) => late.channel?.take(length === recordBytes ? record : buffer.subarray(0, length)) ?? false,
    },
  }
  const socket = connect(options)
  const channel = new TlsChannel(socket, true)
  late.channel = channel
  try {
    await untilSecure(socket)
  } catch (error) {
    channel.close('not connected')
    const reason = error instanceof Error ? error.message : String(error)
    throw new HartonomousError('ERR_PEER_UNREACHABLE', { peer: address.peerId, reason }, { cause: error })
  }
  const der = socket.getPeerX509Certificate()?.raw
  if (der === undefined || sha256Hex(der) !== address.certificateSha256.toLowerCase()) {
    channel.close('another certificate')
    const reason = 'it presented another certificate than its offer named'
    throw new HartonomousError('ERR_PEER_PROTOCOL', { peer: address.peerId, reason })
  }
  socket.write(encodeHello({ version: chunkProtocolVersion, role, token: address.token }))
  return channel
}

async function untilSecure(socket: TLSSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(`no answer in ${dialTimeoutMs} ms`)), dialTimeoutMs)
  const onClose = () => reject(new Error('the connection was closed'))
  socket.once('secureConnect', resolve)
  socket.once('error', reject)
  socket.once('close', onClose)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    socket.off('error', reject)
    socket.off('close', onClose)
  }
}
