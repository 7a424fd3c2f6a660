/** Walks the log of decisions and decides each of them again, with the very texts that it names. */
import { setImmediate as breathe } from 'node:timers/promises'
import { isHartonomousError } from '#protocol/errors.ts'
import { ledgerPageRowsMax } from '#protocol/limits.ts'
import type { LedgerEntry, TenantStore } from '#sql/store/index.ts'
import { type AuditEntry, auditEntryOf, decodeAuditEntry } from './audit-entry.ts'
import { decide } from './decision.ts'
import { engineVersion } from './engine.ts'
import type { PolicyLibrary } from './policy-library.ts'

export interface AuditReport {
  /** Entries of the ledger that follow from one another, from the first on. */
  entryCount: number
  /** Of the last of them, hexadecimal: whoever wrote it down elsewhere sees whether entries are gone. */
  head: string
  decisionCount: number
  /** Each entry that is not as it was written, or that is decided otherwise now. Empty: all is as it was. */
  differences: { seq: number; reason: string }[]
}

type Texts = Pick<PolicyLibrary, 'find' | 'findSchema'>

export async function replayAudit(
  ledger: Pick<TenantStore, 'checkLedger' | 'listLedger'>,
  texts: Texts,
  signal?: AbortSignal,
): Promise<AuditReport> {
  const { entryCount, head, damaged } = await ledger.checkLedger()
  const report: AuditReport = { entryCount, head: Buffer.from(head).toString('hex'), decisionCount: 0, differences: [] }
  if (damaged !== undefined) report.differences.push(damaged)
  for (let afterSeq = 0; ; ) {
    const page = await ledger.listLedger({ kinds: ['decision'], afterSeq, limit: ledgerPageRowsMax })
    for (const entry of page) {
      // Deciding is all on this thread: others wait for one decision at most.
      await breathe()
      signal?.throwIfAborted()
      const reason = await differenceOf(entry, texts)
      if (reason !== undefined) report.differences.push({ seq: entry.seq, reason })
    }
    report.decisionCount += page.length
    if (page.length < ledgerPageRowsMax) return report
    afterSeq = page.at(-1)!.seq
  }
}

async function differenceOf({ body }: LedgerEntry, texts: Texts): Promise<string | undefined> {
  try {
    const entry = decodeAuditEntry(body)
    const [set, schema] = [await texts.find(entry.policyHash), await texts.findSchema(entry.schemaHash)]
    const again = auditEntryOf(engineVersion(), entry.request, decide(set, entry.request, schema))
    const told = describe(again)
    if (told === describe(entry)) return undefined
    const by = again.engine === entry.engine ? '' : ` by ${again.engine}, before by ${entry.engine}`
    return `it says ${describe(entry)}; decided again${by}: ${told}`
  } catch (error) {
    if (isHartonomousError(error)) return error.message
    throw error
  }
}

function describe({ isAllowed, reasons, errors, isDecidable }: AuditEntry): string {
  const names = `${reasons.join(' ') || 'no rule'}${errors.length === 0 ? '' : `, broken: ${errors.join(' ')}`}`
  return `${isAllowed ? 'allowed' : 'denied'} (${isDecidable ? names : 'undecidable'})`
}
