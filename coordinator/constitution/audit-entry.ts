/** A decision as the ledger keeps it: all that is needed to decide it again, and nothing of what the work was about. */
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { canonicalJson, parseJson } from '#sql/store/canonical-json.ts'
import type { LedgerAppend } from '#sql/store/index.ts'
import type { Decision } from './decision.ts'
import { type DecisionRequest, parseRequest } from './request.ts'

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const names = z.array(z.string())

const auditEntry = z.object({
  version: z.literal(1),
  /** What decided: `cedar 4.13.0`. */
  engine: z.string(),
  policyHash: hash,
  schemaHash: hash,
  request: z.unknown(),
  isAllowed: z.boolean(),
  reasons: names,
  errors: names,
  /** False where the request did not fit the schema, or the engine gave up. What it said may quote the request. */
  isDecidable: z.boolean(),
})
export type AuditEntry = z.infer<typeof auditEntry> & { request: DecisionRequest }

/** Of a text that whoever asks has chosen, what is shown in queries. */
const tenantCharactersMax = 200

export function auditEntryOf(engine: string, request: DecisionRequest, decision: Decision): AuditEntry {
  const { problem, ...rest } = decision
  return { version: 1, engine, request, ...rest, isDecidable: problem === undefined }
}

/** `id`: unique, so that an append which may have failed can be repeated. */
export function ledgerEntryOf(id: string, entry: AuditEntry, atMs: number): LedgerAppend {
  const { request, isAllowed } = entry
  return {
    kind: 'decision',
    subject: id,
    body: Buffer.from(canonicalJson(entry)),
    atMs,
    fields: { action: request.action, tenant: request.principal.tenant.slice(0, tenantCharactersMax), isAllowed },
  }
}

/** @throws {ERR_DECODE} */
export function decodeAuditEntry(body: Uint8Array): AuditEntry {
  try {
    const data = auditEntry.safeParse(parseJson(Buffer.from(body).toString())).data
    if (data !== undefined) return { ...data, request: parseRequest(data.request) }
  } catch {
    // No JSON, or no request.
  }
  throw new HartonomousError('ERR_DECODE', {
    what: 'decision',
    field: 'body',
    offset: 0,
    reason: 'it is no entry of ours',
  })
}
