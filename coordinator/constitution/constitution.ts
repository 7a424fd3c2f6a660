/** The constitution in force: read, changed, asked, and its decisions written down. */
import { HartonomousError } from '#protocol/errors.ts'
import type { DocumentStore } from '#sql/store/document.ts'
import type { TenantStore } from '#sql/store/index.ts'
import { actionRule } from './actions.ts'
import { auditEntryOf } from './audit-entry.ts'
import { AuditLog } from './audit-log.ts'
import { type AuditPageQuery, auditPage } from './audit-page.ts'
import { type Decision, decide, refusalOf } from './decision.ts'
import { engineVersion } from './engine.ts'
import { PolicyLibrary } from './policy-library.ts'
import { type PolicySet, rootOf } from './policy-set.ts'
import { type AuditReport, replayAudit } from './replay.ts'
import { type DecisionRequest, parseRequest } from './request.ts'
import { problemsOf, type RuleProblem } from './rule.ts'

export interface ConstitutionOptions {
  documents: DocumentStore
  /** Of `auditTenant`. */
  ledger: Pick<TenantStore, 'appendLedger' | 'checkLedger' | 'listLedger'>
  /** Wall clock, ms. */
  now: () => number
}

/** Whose ledger holds the decisions: nobody else writes to it. */
export const auditTenant = 'local:audit'

export interface Constitution {
  /** What is in force, as far as this process knows. */
  current(): PolicySet
  /** Takes up what another coordinator over the same store has put in force. */
  refresh(): Promise<PolicySet>
  /** All that were in force, the newest first. */
  versions(): Promise<{ hash: string; atMs: number }[]>
  /** What is wrong with a text, and what is odd; no error in it: it could be put in force. @throws {ERR_LIMIT} {ERR_USAGE} */
  check(text: string): RuleProblem[]
  /** Puts another one in force, in place of `previous`. @throws {ERR_USAGE} {ERR_LIMIT} {ERR_STORE_CONFLICT} */
  replace(text: string, previous: string): Promise<PolicySet>
  /** With more forbidden: for an agent or a job. @throws {ERR_USAGE} {ERR_LIMIT} */
  derive(parent: PolicySet, addedForbids: string): Promise<PolicySet>
  /** By its hash. @throws {ERR_NOT_FOUND} */
  find(hash: string): Promise<PolicySet>
  /** What would be decided; nothing is written down. */
  decide(request: DecisionRequest, set?: PolicySet): Decision
  /**
   * Decides, and writes it down; of an action that changes something it is durable when this resolves. A set on top of a
   * constitution that is no longer in force is put on top of the one that is.
   * @throws {ERR_FORBIDDEN} naming the rules {ERR_USAGE} for what is no request {ERR_LIMIT} {ERR_STORE_UNAVAILABLE}
   */
  enforce(request: DecisionRequest, set?: PolicySet): Promise<Decision>
  /** What was decided, the newest first. @throws {ERR_USAGE} */
  decisions(query: AuditPageQuery): ReturnType<typeof auditPage>
  /** Decides all again. @throws the signal's reason */
  replay(signal?: AbortSignal): Promise<AuditReport>
  /** Returns when every decision is written down. */
  close(): Promise<void>
}

/** Of an empty store the shipped constitution is put in force. @throws {ERR_NOT_FOUND} for a document that is gone */
export async function openConstitution({ documents, ledger, now }: ConstitutionOptions): Promise<Constitution> {
  const engine = engineVersion()
  const audit = new AuditLog({ ledger, now })
  const library = new PolicyLibrary({ documents, now })
  await library.keepSchema()
  let current = await library.inForce()

  const enforce: Constitution['enforce'] = async (asked, given = current) => {
    const request = parseRequest(asked)
    const set = rootOf(given).hash === current.hash ? given : await library.rebase(given, current)
    const decision = decide(set, request)
    const entry = auditEntryOf(engine, request, decision)
    if (decision.isAllowed && actionRule(request.action).group === 'write') await audit.append(entry)
    else await audit.appendLater(entry)
    if (decision.isAllowed) return decision
    throw new HartonomousError('ERR_FORBIDDEN', { action: request.action, reason: refusalOf(decision) })
  }

  return {
    current: () => current,
    refresh: async () => {
      current = await library.inForce()
      return current
    },
    versions: () => library.versions(),
    check: problemsOf,
    replace: async (text, previous) => {
      current = await library.replace(text, previous)
      return current
    },
    derive: (parent, addedForbids) => library.derive(parent, addedForbids),
    find: (hash) => library.find(hash),
    decide: (request, set = current) => decide(set, request),
    enforce,
    decisions: async (query) => {
      await audit.flush()
      return auditPage(ledger, query)
    },
    replay: async (signal) => {
      await audit.flush()
      return replayAudit(ledger, library, signal)
    },
    close: () => audit.flush(),
  }
}
