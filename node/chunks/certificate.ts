/**
 * The certificate of the data plane: self-signed, EC P-256, a fresh one per run. It says nothing about who we are: the
 * identity comes from its hash, which the noise-authenticated data offer carries.
 *
 * Encoded here in 40 lines (X.509, RFC 5280) because the packages for it cost 100 ms of every start.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { day } from '#protocol/units.ts'

export interface DataCertificate {
  certificatePem: string
  privateKeyPem: string
  /** SHA-256 of the DER form, hex. */
  certificateSha256: string
}

/** Longer than any run. Nobody checks it, because the pinned hash decides; a day back, because clocks differ. */
const lifetimeMs = 3650 * day

export function createDataCertificate(nowMs: number): DataCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  // ecdsa-with-SHA256, 1.2.840.10045.4.3.2
  const algorithm = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
  // commonName, 2.5.4.3
  const name = sequence(der(0x31, sequence(Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('hartonomous')))))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])), // serial number, positive
    algorithm,
    name,
    sequence(utcTime(nowMs - day), utcTime(nowMs + lifetimeMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = sign('sha256', body, { key: privateKey, dsaEncoding: 'der' })
  const certificate = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const base64 = certificate.toString('base64').replace(/.{64}/g, '$&\n')
  return {
    certificatePem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificateSha256: sha256Hex(certificate),
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Tag, length, content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

/** `YYMMDDHHMMSSZ`: two digits of the year, right until 2049. */
function utcTime(ms: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))
}
