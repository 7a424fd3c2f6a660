/** `mssql://user@host:1433/database?encrypt=true`: where a shard in SQL Server lies. The password is never part of it. */
import { HartonomousError } from '#protocol/errors.ts'

export interface MssqlAddress {
  user: string
  host: string
  port: number
  database: string
  /** TLS; off only where the URL says so. */
  isEncrypted: boolean
  /** A certificate that nobody vouches for, as a container makes it. */
  isCertificateTrusted: boolean
}

const defaultPort = 1433
const booleans: Readonly<Record<string, boolean>> = { true: true, false: false }

export function isMssqlUrl(text: string): boolean {
  return /^mssql:\/\//i.test(text)
}

/** @throws {ERR_CONFIG} that does not repeat the text: it may hold a password. */
export function parseMssqlUrl(text: string, key: string): MssqlAddress {
  if (!isMssqlUrl(text) || !URL.canParse(text))
    throw wrong(key, 'write mssql://USER@HOST:1433/DATABASE, with ?encrypt=false where there is no TLS')
  const url = new URL(text)
  if (url.password !== '')
    throw wrong(key, 'a password does not belong into the URL: HARTONOMOUS_STORAGE_PASSWORD or storage.passwordFile')
  const database = decodeURIComponent(url.pathname.slice(1))
  const user = decodeURIComponent(url.username)
  if (url.hostname === '' || user === '' || database === '' || database.includes('/'))
    throw wrong(key, 'user, host and database are needed: mssql://USER@HOST/DATABASE')
  const option = (name: string, fallback: boolean) => {
    const value = url.searchParams.get(name)
    if (value === null) return fallback
    if (booleans[value] === undefined) throw wrong(key, `${name} is true or false`)
    return booleans[value]
  }
  for (const name of url.searchParams.keys()) {
    if (name !== 'encrypt' && name !== 'trustServerCertificate') throw wrong(key, `there is no option ${name}`)
  }
  return {
    user,
    // An IPv6 address stands in brackets in a URL only.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
    database,
    isEncrypted: option('encrypt', true),
    isCertificateTrusted: option('trustServerCertificate', false),
  }
}

function wrong(key: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_CONFIG', { key, reason })
}
