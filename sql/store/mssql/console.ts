/**
 * `hart sql` on SQL Server: a connection per query, under a user that may read the documented views and nothing else. What
 * keeps a query from the tables is that user's rights; the look at its words before only gives better answers.
 */
import { HartonomousError } from '#protocol/errors.ts'
import {
  sqlAnswerBytesMax,
  sqlDurationMsDefault,
  sqlDurationMsMax,
  sqlPeersMax,
  sqlQueriesMax,
  sqlRowsDefault,
  sqlRowsMax,
  sqlTextBytesMax,
} from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { ConsolePeer, ConsoleValue, ShardConsole } from '../../console/types.ts'
import { type Batch, plainBatch } from './connection.ts'
import { connectReader, type DriverOptions, type Reader } from './driver.ts'
import { type DriverError, storeErrorOf } from './errors.ts'
import { tokensOf } from './tokens.ts'
import { parseMssqlUrl } from './url.ts'

export interface MssqlConsoleOptions {
  /** Of the user of the console. */
  url: string
  password: string
  peers?: () => Promise<readonly ConsolePeer[]>
}

const retryAfterMs = second
/** Keys `peers_0` and on of the session; a value is at most 8,000 bytes, and the view `peer` reads all of them. */
const peerParts = 8
const peerPartCharacters = 3900

export function openMssqlConsole(
  { url, password, peers }: MssqlConsoleOptions,
  connect: (options: DriverOptions) => Promise<Reader> = connectReader,
): ShardConsole {
  const address = parseMssqlUrl(url, 'storage.consoleUrl')
  let running = 0
  return {
    async run({ sql, rowsMax = sqlRowsDefault, timeoutMs = sqlDurationMsDefault }, signal) {
      assertReads(sql)
      if (running >= sqlQueriesMax) throw new HartonomousError('ERR_QUEUE_FULL', { retryAfterMs, depth: running })
      running++
      const requestTimeoutMs = Math.min(sqlDurationMsMax, Math.max(1, timeoutMs))
      const startedAtMs = performance.now()
      // The driver's own limit ends with the first byte of an answer.
      const timeIsUp = AbortSignal.timeout(requestTimeoutMs)
      let reader: Reader | undefined
      try {
        const known = (await peers?.()) ?? []
        reader = await connect({ address, password, requestTimeoutMs })
        for (const batch of sessionOf(known)) await reader.query(batch)
        const limits = { rowsMax: Math.min(sqlRowsMax, Math.max(1, rowsMax)), bytesMax: sqlAnswerBytesMax }
        const { columns, rows, isTruncated } = await reader.read(sql, limits, AbortSignal.any([signal, timeIsUp]))
        const durationMs = Math.round(performance.now() - startedAtMs)
        return { columns, rows: rows.map((row) => row.map(plain)), isTruncated, durationMs }
      } catch (error) {
        throw timeIsUp.aborted && !signal.aborted ? timeoutError(requestTimeoutMs) : typed(error, requestTimeoutMs)
      } finally {
        running--
        await reader?.close()
      }
    },
  }
}

/** Reserved words, which are no names of columns unless in brackets. T-SQL needs no `;` between statements. */
const refusedWords = new Set(
  `ALTER BACKUP BEGIN BULK CHECKPOINT COMMIT CREATE DBCC DEALLOCATE DECLARE DELETE DENY DISABLE DROP ENABLE EXEC EXECUTE GO GOTO
  GRANT IF INSERT INTO KILL MERGE OPENDATASOURCE OPENQUERY OPENROWSET PRINT RAISERROR RECONFIGURE RESTORE RETURN REVERT
  REVOKE ROLLBACK SAVE SET SHUTDOWN THROW TRUNCATE UPDATE USE WAITFOR WHILE WRITETEXT`.split(/\s+/),
)

/** @throws {ERR_QUERY_INVALID} {ERR_LIMIT} */
export function assertReads(sql: string): void {
  const sizeBytes = Buffer.byteLength(sql)
  if (sizeBytes > sqlTextBytesMax)
    throw new HartonomousError('ERR_LIMIT', { what: 'bytes of a query', limit: sqlTextBytesMax, actual: sizeBytes })
  const tokens = tokensOf(sql).filter(({ kind }) => kind !== 'comment')
  while (tokens.at(-1)?.text === ';') tokens.pop()
  if (tokens.length === 0) throw invalid('it is empty')
  if (!/^(select|with|\()$/i.test(tokens[0]!.text)) throw invalid(`it begins with ${tokens[0]!.text}, not with SELECT`)
  if (tokens.some(({ text }) => text === ';')) throw invalid('there is more than one statement')
  const refused = tokens.find(({ kind, text }) => kind === 'word' && refusedWords.has(text.toUpperCase()))
  if (refused !== undefined)
    throw invalid(`${refused.text.toUpperCase()}: queries read the documented views, and change nothing`)
}

/** What the view `peer` shows, and how long the query may wait for a lock. */
function sessionOf(peers: readonly ConsolePeer[]): Batch[] {
  const parameters: Record<string, Batch['parameters'][string]> = {}
  const texts: string[] = []
  for (const [index, value] of partsOf(peers).entries()) {
    parameters[`part_${index}`] = { type: 'nvarchar', value }
    // The server takes no expression there, and a value of NVARCHAR(MAX) does not fit.
    texts.push(`DECLARE @peers_${index} NVARCHAR(4000) = @part_${index}`)
    texts.push(`EXEC sys.sp_set_session_context N'peers_${index}', @peers_${index}`)
  }
  // A SET in a batch with parameters ends with that batch.
  const lockTimeout = plainBatch('SET LOCK_TIMEOUT 5000')
  return texts.length === 0 ? [lockTimeout] : [lockTimeout, { text: texts.join(';\n'), parameters }]
}

/** Peers as JSON arrays that fit; those that do not, at the end, are left out, and of one too long its models. */
export function partsOf(peers: readonly ConsolePeer[]): string[] {
  const parts: string[] = []
  let items: string[] = []
  let characters = 2
  const close = () => {
    if (items.length > 0) parts.push(`[${items.join(',')}]`)
    items = []
    characters = 2
  }
  for (const peer of peers.slice(0, sqlPeersMax)) {
    const whole = peerText(peer)
    const text = whole.length + 2 > peerPartCharacters ? peerText({ ...peer, models: [] }) : whole
    if (characters + text.length + 1 > peerPartCharacters) close()
    if (parts.length === peerParts) return parts
    items.push(text)
    characters += text.length + 1
  }
  close()
  return parts.slice(0, peerParts)
}

function peerText({ connectedForMs, rttMs, ...rest }: ConsolePeer): string {
  const rounded = rttMs === undefined ? {} : { rttMs: Math.round(rttMs) }
  return JSON.stringify({ ...rest, connectedForMs: Math.round(connectedForMs), ...rounded })
}

function plain(value: unknown): ConsoleValue {
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'number') return value
  if (typeof value !== 'bigint') return String(value)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function typed(error: unknown, timeoutMs: number): unknown {
  const { code, number, message } = error as DriverError
  if (code === 'ETIMEOUT' || number === 1222) return timeoutError(timeoutMs)
  // 18456 and the like come with the login, which is no fault of the query.
  if (code === 'EREQUEST' && number !== undefined) return invalid(message)
  return storeErrorOf(error)
}

function timeoutError(timeoutMs: number): HartonomousError {
  return new HartonomousError('ERR_TIMEOUT', { what: 'the query', timeoutMs })
}

function invalid(reason: string): HartonomousError {
  return new HartonomousError('ERR_QUERY_INVALID', { reason })
}
