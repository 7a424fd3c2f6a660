/** What a job's row keeps as JSON: it is read as a whole, and never searched for. */
import { type AttemptView, type PrivacyLabel, type SubmitRequest, submitRequest } from '#protocol/api/jobs.ts'
import type { JobRow } from '#sql/store/job.ts'
import type { Principal } from '../constitution/index.ts'
import type { Phases } from './phase-clock.ts'

export interface JobDetail {
  phases: Phases
  privacy: PrivacyLabel
  model?: string
  /** Attempts begun so far, those of earlier owners included. */
  attempts: number
  /** Steps of a workflow that a person is asked about now. */
  waitingFor?: string[]
}

export type AttemptDetail = Pick<
  AttemptView,
  'blame' | 'error' | 'firstTokenMs' | 'promptTokens' | 'completionTokens'
> & {
  /** Subject of the receipt in the ledger. */
  receipt?: string
}

/** Role and rights of whoever submitted it, and through which jobs and agents: the constitution is asked with them. */
export type JobPrincipal = Omit<Principal, 'tenant'>

export interface StoredRequest extends SubmitRequest {
  principal: JobPrincipal
  /** Of the constitution with what its submitter forbade it; absent where nothing was. Its children have it, too. */
  policyHash?: string
  traceparent?: string
}

export function requestOf(row: Pick<JobRow, 'request'>): StoredRequest {
  const stored = JSON.parse(row.request) as StoredRequest
  const request = submitRequest.parse(stored)
  const { principal, policyHash, traceparent } = stored
  const rules = policyHash === undefined ? {} : { policyHash }
  return { ...request, principal, ...rules, ...(traceparent === undefined ? {} : { traceparent }) }
}

/** Of a job that nobody has begun, what its request says. */
export function detailOf(row: Pick<JobRow, 'request' | 'detail'>): JobDetail {
  const stored = JSON.parse(row.detail) as Partial<JobDetail>
  if (stored.phases !== undefined) return stored as JobDetail
  const { work, terms } = JSON.parse(row.request) as SubmitRequest
  const model = 'model' in work ? { model: work.model } : {}
  return { phases: [], privacy: terms?.privacy ?? 'public', attempts: 0, ...model }
}
