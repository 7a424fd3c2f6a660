/** JSON from a URL that we chose ourselves, or were told of by one that we chose: in time, and no more than we want to read. */
import { HartonomousError } from '#protocol/errors.ts'
import { KiB, second } from '#protocol/units.ts'
import { isTrustedUrl } from '../config.ts'

/** Issuers answer in tenths of a second. */
const fetchTimeoutMs = 5 * second
/** The keys of Entra, with a certificate each, are 20 KiB. */
const documentBytesMax = 256 * KiB

/** @throws {ERR_NO_SOURCE} */
export async function fetchTrustedJson(url: string): Promise<Record<string, unknown>> {
  if (!isTrustedUrl(url)) unavailable(url, 'it is no https URL')
  try {
    // A redirect could lead anywhere, out of TLS too.
    const signal = AbortSignal.timeout(fetchTimeoutMs)
    const response = await fetch(url, { redirect: 'error', signal, headers: { accept: 'application/json' } })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`status ${response.status}`)
    }
    const parsed: unknown = JSON.parse(await readBounded(response))
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('no JSON object')
    return parsed as Record<string, unknown>
  } catch (error) {
    unavailable(url, reasonOf(error), error)
  }
}

async function readBounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of response.body ?? []) {
    sizeBytes += part.length
    // Leaving the loop cancels what is still to come.
    if (sizeBytes > documentBytesMax) throw new Error(`more than ${documentBytesMax} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function reasonOf(error: unknown): string {
  const { message, cause, name } = error as Error
  if (name === 'TimeoutError') return `no answer in ${fetchTimeoutMs} ms`
  // `fetch failed` says nothing; its cause does.
  const detail = cause as { code?: unknown; message?: unknown } | undefined
  return String(detail?.code ?? detail?.message ?? message).slice(0, 200)
}

function unavailable(url: string, reason: string, cause?: unknown): never {
  throw new HartonomousError('ERR_NO_SOURCE', { subject: url.slice(0, 200), reason }, { cause })
}
