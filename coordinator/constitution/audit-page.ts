/** The log of decisions, a page at a time, the newest first. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { AuditEntryView } from '#protocol/api/constitution.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { auditRowsLookedAtMax, ledgerPageRowsMax } from '#protocol/limits.ts'
import type { LedgerEntry, TenantStore } from '#sql/store/index.ts'
import { decodeAuditEntry } from './audit-entry.ts'

export interface AuditPageQuery {
  /** `nextCursor` of the page before. */
  cursor?: string
  limit?: number
  effect?: 'permit' | 'forbid'
  /** As `fields` have it. */
  tenant?: string
}

const limitDefault = 100

/** Filters look at so many entries for one page, and no further: it may be empty, and not the last. @throws {ERR_USAGE} */
export async function auditPage(
  ledger: Pick<TenantStore, 'listLedger'>,
  { cursor, limit = limitDefault, effect, tenant }: AuditPageQuery,
): Promise<{ entries: AuditEntryView[]; nextCursor?: string }> {
  const isAsked = (entry: LedgerEntry) =>
    (effect === undefined || (entry.fields?.['isAllowed'] === true) === (effect === 'permit')) &&
    (tenant === undefined || entry.fields?.['tenant'] === tenant)
  const size = Math.min(limit, ledgerPageRowsMax)
  const step = effect === undefined && tenant === undefined ? size : ledgerPageRowsMax
  const entries: AuditEntryView[] = []
  let after = cursor === undefined ? undefined : seqOf(cursor)
  for (let looked = 0; looked < auditRowsLookedAtMax; looked += step) {
    const from = after === undefined ? {} : { afterSeq: after }
    const rows = await ledger.listLedger({ kinds: ['decision'], newestFirst: true, limit: step, ...from })
    for (const row of rows) {
      after = row.seq
      if (isAsked(row) && entries.push(viewOf(row)) >= size)
        return after > 1 ? { entries, nextCursor: String(after) } : { entries }
    }
    if (rows.length < step) return { entries }
    await breathe()
  }
  return { entries, nextCursor: String(after) }
}

function viewOf({ seq, atMs, fields, body }: LedgerEntry): AuditEntryView {
  const view = {
    seq,
    atMs,
    action: String(fields?.['action']),
    tenant: String(fields?.['tenant']),
    isAllowed: fields?.['isAllowed'] === true,
  }
  try {
    const { version: _, isAllowed: __, ...decision } = decodeAuditEntry(body)
    return { ...view, decision }
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_DECODE')) throw error
    return view
  }
}

function seqOf(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor)
  throw new HartonomousError('ERR_USAGE', { message: 'cursor: not one that a page gave', param: 'cursor' })
}
