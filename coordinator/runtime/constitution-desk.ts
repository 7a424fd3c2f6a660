/** The constitution as callers see and change it: it decides about that, too. */
import type {
  AuditReportView,
  CheckView,
  ConstitutionView,
  DecideRequest,
  DecisionView,
} from '#protocol/api/constitution.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { auditDifferencesMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import {
  type Constitution,
  checkRules,
  type PolicySet,
  principalOf,
  rehearse,
  rulesHash,
  schemaText,
} from '../constitution/index.ts'
import type { Identity } from '../identity.ts'
import type { AuditQuery, ConstitutionService } from '../service.ts'

/** Nobody knows how long a replay takes: ask again soon. */
const replayRetryMs = 10 * second

export class ConstitutionDesk implements ConstitutionService {
  readonly #constitution: Constitution
  #isReplaying = false

  constructor(constitution: Constitution) {
    this.#constitution = constitution
  }

  async current(identity: Identity): Promise<ConstitutionView> {
    await this.#read(identity)
    return this.#inForce(await this.#constitution.refresh())
  }

  async versions(identity: Identity): Promise<{ hash: string; atMs: number }[]> {
    await this.#read(identity)
    return this.#constitution.versions()
  }

  async version(identity: Identity, hash: string): Promise<ConstitutionView> {
    await this.#read(identity)
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'policy document', id: hash })
    const set = await this.#constitution.find(hash)
    return set.hash === this.#constitution.current().hash ? this.#inForce(set) : viewOf(set)
  }

  async check(identity: Identity, text: string): Promise<CheckView> {
    await this.#read(identity)
    return checkRules(text)
  }

  /** Who did it, and what it put in force, is in the log before it holds. */
  async replace(identity: Identity, text: string, previous: string): Promise<ConstitutionView> {
    const constitution = this.#constitution
    await constitution.enforce({ action: 'amend', principal: principalOf(identity), resource: rulesHash(text) })
    try {
      return await this.#inForce(await constitution.replace(text, previous))
    } catch (error) {
      if (!isHartonomousError(error, 'ERR_STORE_CONFLICT')) throw error
      const { hash } = await constitution.refresh()
      const reason = `another constitution is in force by now, ${hash}`
      throw new HartonomousError('ERR_STORE_CONFLICT', { reason }, { cause: error })
    }
  }

  async decide(identity: Identity, { requests, text }: DecideRequest): Promise<DecisionView[]> {
    await this.#read(identity)
    return rehearse(text ?? this.#constitution.current(), requests)
  }

  async audit(identity: Identity, query: AuditQuery) {
    await this.#read(identity)
    return this.#constitution.decisions(query)
  }

  async replay(identity: Identity, signal: AbortSignal): Promise<AuditReportView> {
    await this.#read(identity)
    if (this.#isReplaying) throw new HartonomousError('ERR_QUEUE_FULL', { depth: 1, retryAfterMs: replayRetryMs })
    this.#isReplaying = true
    try {
      const { differences, ...report } = await this.#constitution.replay(signal)
      const shown = differences.slice(0, auditDifferencesMax)
      return { ...report, differenceCount: differences.length, differences: shown }
    } finally {
      this.#isReplaying = false
    }
  }

  /** The rules stand with the log of what they decided: who may read one may read the other. @throws {ERR_FORBIDDEN} */
  async #read(identity: Identity): Promise<void> {
    await this.#constitution.enforce({ action: 'readAudit', principal: principalOf(identity), resource: 'audit' })
  }

  async #inForce(set: PolicySet): Promise<ConstitutionView> {
    const newest = (await this.#constitution.versions()).find(({ hash }) => hash === set.hash)
    return newest === undefined ? viewOf(set) : { ...viewOf(set), sinceMs: newest.atMs }
  }
}

function viewOf({ hash, document, ruleCount, parent }: PolicySet): ConstitutionView {
  const view = { hash, text: document, ruleCount, schema: schemaText }
  return parent === undefined ? view : { ...view, parentHash: parent.hash }
}
