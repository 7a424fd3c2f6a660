import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { createDataCertificate } from './certificate.ts'

test('certificate: is a valid self-signed X.509 certificate with the hash it claims', () => {
  const now = Date.UTC(2026, 10, 21)
  const made = createDataCertificate(now)
  const parsed = new X509Certificate(made.certificatePem)
  expect(parsed.verify(parsed.publicKey)).toBe(true)
  expect(parsed.checkPrivateKey(createPrivateKey(made.privateKeyPem))).toBe(true)
  expect(parsed.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(made.certificateSha256)
  expect(parsed.subject).toBe('CN=hartonomous')
  expect(parsed.validFromDate.getTime()).toBeLessThan(now)
  expect(parsed.validToDate.getTime()).toBeGreaterThan(now)
})

test('certificate: two runs never share one', () => {
  expect(createDataCertificate(0).certificateSha256).not.toBe(createDataCertificate(0).certificateSha256)
})
