import { expect, test } from 'vitest'
import { parseMssqlUrl } from './url.ts'

test('mssql URL: host, port, user, database and TLS are read, and have defaults', () => {
  expect(
    parseMssqlUrl('mssql://hart@db.example:1444/my%20shard?encrypt=false&trustServerCertificate=true', 'k'),
  ).toEqual({
    user: 'hart',
    host: 'db.example',
    port: 1444,
    database: 'my shard',
    isEncrypted: false,
    isCertificateTrusted: true,
  })
  expect(parseMssqlUrl('mssql://hart@[::1]/shard', 'k')).toEqual({
    user: 'hart',
    host: '::1',
    port: 1433,
    database: 'shard',
    isEncrypted: true,
    isCertificateTrusted: false,
  })
})

test('mssql URL: what is none is refused without being repeated', () => {
  const texts = [
    ...[
      'mssql://hart:Hush1@h/shard',
      'mssql://h/shard',
      'mssql://hart@h/',
      'mssql://hart@h/a/b',
      'mssql://hart@h:99999/a',
    ],
    ...['postgres://hart:Hush1@h/a', 'mssql://hart@h/a?encrypt=1', 'mssql://hart@h/a?password=Hush1', 'Hush1', ''],
  ]
  for (const text of texts) {
    let message = ''
    try {
      parseMssqlUrl(text, 'storage.url')
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_CONFIG', fields: { key: 'storage.url' } })
      message = (error as Error).message
    }
    expect(message, text).not.toBe('')
    expect(message).not.toContain('Hush1')
  }
})
