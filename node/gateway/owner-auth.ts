/**
 * Who may control this node: whoever can read the owner's token file, or a browser that got a session for it.
 *
 * A browser starts from a URL with a one-time `#token` (a fragment: it is sent to no server and kept in no log), posts it
 * to `/api/v1/session` and gets a cookie. Cookies do not separate ports: the name holds the port, so that two nodes on
 * one machine do not overwrite each other's.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { dirname } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { hour, minute } from '#protocol/units.ts'
import { hasOwnOrigin } from './loopback-guard.ts'

const oneTimeTokenTtlMs = 10 * minute
const sessionTtlMs = 12 * hour
/** Each costs about 100 bytes; the owner has a handful of browsers. The oldest goes first. */
const oneTimeTokensMax = 16
const sessionsMax = 32

/** What of a request says who calls: one of fastify's, or one of Node's own server. */
export interface CallerRequest {
  headers: IncomingHttpHeaders
  method?: string | undefined
  socket: { remoteAddress?: string | undefined; localPort?: number | undefined }
}

export interface OwnerAuthOptions {
  /** Made with 0600 where it is missing. */
  tokenFile: string
  /** Keeps sessions over a restart, by their hashes; without it they end with the process. */
  sessionsFile?: string
  clock?: () => number
}

/** @throws {ERR_IO} where the file cannot be read or made. */
export async function openOwnerAuth(options: OwnerAuthOptions): Promise<OwnerAuth> {
  const { tokenFile, sessionsFile, clock = Date.now } = options
  const token = (await readToken(tokenFile)) ?? (await createToken(tokenFile))
  const kept = sessionsFile === undefined ? undefined : { file: sessionsFile, known: await readSessions(sessionsFile) }
  return new OwnerAuth(token, clock, kept)
}

export class OwnerAuth {
  readonly #tokenHash: Buffer
  readonly #clock: () => number
  readonly #oneTime = new ExpiringHashes(oneTimeTokensMax)
  readonly #sessions = new ExpiringHashes(sessionsMax)
  readonly #sessionsFile: string | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(token: string, clock: () => number, kept?: { file: string; known: [key: string, expiresMs: number][] }) {
    this.#tokenHash = hashOf(token)
    this.#clock = clock
    this.#sessionsFile = kept?.file
    for (const [key, expiresMs] of kept?.known ?? []) if (expiresMs > clock()) this.#sessions.add(key, expiresMs)
  }

  /** By `Authorization: Bearer`, or by cookie; a cookie changes things only from our own page. */
  isOwner(request: CallerRequest): boolean {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    // Constant time over hashes: neither the length nor the first wrong character shows.
    if (bearer !== undefined) return timingSafeEqual(hashOf(bearer), this.#tokenHash)
    const session = cookieOf(request)
    if (session === undefined || !this.#sessions.has(session, this.#clock())) return false
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    return isRead || hasOwnOrigin(request)
  }

  /** @throws {ERR_AUTH} */
  assertOwner(request: CallerRequest): void {
    if (!this.isOwner(request))
      throw new HartonomousError('ERR_AUTH', { reason: 'the owner token is missing or wrong' })
  }

  /** For a URL that is printed: works once, for ten minutes. */
  createOneTimeToken(): string {
    return this.#oneTime.create(this.#clock() + oneTimeTokenTtlMs)
  }

  /** Undefined: the token is unknown, used or too old. */
  async exchange(oneTimeToken: string): Promise<string | undefined> {
    const isValid = this.#oneTime.has(oneTimeToken, this.#clock())
    this.#oneTime.delete(oneTimeToken)
    if (!isValid) return undefined
    const session = this.#sessions.create(this.#clock() + sessionTtlMs)
    await this.#keepSessions()
    return session
  }

  async endSession(request: FastifyRequest): Promise<void> {
    const session = cookieOf(request)
    if (session === undefined) return
    this.#sessions.delete(session)
    await this.#keepSessions()
  }

  /** One after another. A disk that takes nothing costs a sign-in after the next start, and nothing else. */
  #keepSessions(): Promise<void> {
    const file = this.#sessionsFile
    if (file === undefined) return Promise.resolve()
    this.#writing = this.#writing.then(() => writeSessions(file, this.#sessions.entries()).catch(() => undefined))
    return this.#writing
  }
}

const sessionRequest = z.object({ token: z.string().min(1).max(256) })

/**
 * `POST /api/v1/session {token}` gives the cookie, `DELETE` takes it back: the only control calls without the owner's token.
 * With it, `POST /api/v1/session/links` gives a one-time token for a URL.
 */
export function sessionRoutes(app: FastifyInstance, auth: OwnerAuth): void {
  app.post('/api/v1/session/links', async (request, reply) => {
    auth.assertOwner(request)
    void reply.header('cache-control', 'no-store')
    return { token: auth.createOneTimeToken(), ttlMs: oneTimeTokenTtlMs }
  })
  app.post('/api/v1/session', async (request, reply) => {
    const body = sessionRequest.safeParse(request.body)
    const session = body.success ? await auth.exchange(body.data.token) : undefined
    if (session === undefined) {
      throw new HartonomousError('ERR_AUTH', { reason: 'the one-time token is unknown, used or too old' })
    }
    setCookie(request, reply, session, sessionTtlMs / 1000)
    return reply.code(204).send()
  })
  app.delete('/api/v1/session', async (request, reply) => {
    await auth.endSession(request)
    setCookie(request, reply, '', 0)
    return reply.code(204).send()
  })
}

/** Random values that are known by their hashes until they expire. */
class ExpiringHashes {
  readonly #max: number
  readonly #expiries = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  create(expiresMs: number): string {
    const value = randomBytes(32).toString('base64url')
    this.add(keyOf(value), expiresMs)
    return value
  }

  add(key: string, expiresMs: number): void {
    this.#expiries.set(key, expiresMs)
    const oldest = this.#expiries.keys().next().value
    if (this.#expiries.size > this.#max && oldest !== undefined) this.#expiries.delete(oldest)
  }

  /** By hash, oldest first. */
  entries(): [key: string, expiresMs: number][] {
    return [...this.#expiries]
  }

  has(value: string, nowMs: number): boolean {
    return (this.#expiries.get(keyOf(value)) ?? 0) > nowMs
  }

  delete(value: string): void {
    this.#expiries.delete(keyOf(value))
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function keyOf(text: string): string {
  return hashOf(text).toString('hex')
}

function cookieName(request: CallerRequest): string {
  return `hartonomous_${request.socket.localPort}`
}

function cookieOf(request: CallerRequest): string | undefined {
  const prefix = `${cookieName(request)}=`
  const parts = (request.headers.cookie ?? '').split(';').map((part) => part.trim())
  return parts.find((part) => part.startsWith(prefix))?.slice(prefix.length)
}

function setCookie(request: FastifyRequest, reply: FastifyReply, value: string, maxAgeSeconds: number): void {
  const attributes = `Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict`
  void reply.header('set-cookie', `${cookieName(request)}=${value}; ${attributes}`)
}

async function readToken(file: string): Promise<string | undefined> {
  try {
    const token = (await readFile(file, 'utf8')).trim()
    if (token.length < 32) throw new HartonomousError('ERR_IO', { path: file, reason: 'too short for an owner token' })
    // A restored backup may have lost its mode.
    if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600)
    return token
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error instanceof HartonomousError ? error : ioError(file, error)
  }
}

const keptSessions = z.array(z.tuple([z.string().regex(/^[0-9a-f]{64}$/), z.number()])).max(sessionsMax)

/** None where there is no file, or one that is no list of sessions: then a browser signs in once more. */
async function readSessions(file: string): Promise<[key: string, expiresMs: number][]> {
  try {
    return keptSessions.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return []
  }
}

async function writeSessions(file: string, sessions: readonly [key: string, expiresMs: number][]): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, JSON.stringify(sessions), { mode: 0o600 })
  await rename(draft, file)
}

/** Written beside and linked into place: whoever sees the file sees all of it, and of two nodes that start at once one wins. */
async function createToken(file: string): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(`${token}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(draft, file)
    return token
  } catch (error) {
    const isTaken = (error as { code?: unknown }).code === 'EEXIST'
    const other = isTaken ? await readToken(file) : undefined
    if (other !== undefined) return other
    throw ioError(file, error)
  } finally {
    await rm(draft, { force: true })
  }
}

function ioError(path: string, error: unknown): HartonomousError {
  return new HartonomousError('ERR_IO', { path, reason: error instanceof Error ? error.message : String(error) })
}
