import { z } from 'zod'
import {
  auditEntryView,
  auditReportView,
  checkView,
  constitutionVersion,
  constitutionView,
  decideRequest,
  decisionView,
  rulesText,
} from '../constitution.ts'
import { nextCursor, pageQuery, route } from './shape.ts'

const no = { no: 'what binds agents is read and changed by people' }
const logOnly = { no: 'who did what is for the owner, not for the agents that it tells of' }
const scope = 'admin'
const tag = 'constitution'

export const constitutionRoutes = {
  getConstitution: route({
    method: 'GET',
    path: '/api/v1/constitution',
    tag,
    scope,
    summary: 'The rules in force, their hash, since when, and what rules can speak about.',
    answer: { type: 'json', schema: constitutionView },
    errors: [],
    mcp: no,
    cli: 'constitution show',
  }),
  listConstitutionVersions: route({
    method: 'GET',
    path: '/api/v1/constitution/versions',
    tag,
    scope,
    summary: 'All that were in force, the newest first.',
    query: z.strictObject(pageQuery),
    answer: { type: 'json', schema: z.object({ versions: z.array(constitutionVersion), nextCursor }) },
    errors: [],
    mcp: no,
    cli: 'constitution versions',
  }),
  getConstitutionVersion: route({
    method: 'GET',
    path: '/api/v1/constitution/versions/{hash}',
    tag,
    scope,
    summary: 'Rules by their hash: a version, or what a job forbade itself on top of one.',
    params: z.strictObject({ hash: z.string().min(1).max(128) }),
    answer: { type: 'json', schema: constitutionView },
    errors: ['ERR_NOT_FOUND'],
    mcp: no,
    cli: 'constitution show',
  }),
  checkConstitution: route({
    method: 'POST',
    path: '/api/v1/constitution/check',
    tag,
    scope,
    summary: 'What is wrong with a text, and what is odd, with line and column. Changes nothing.',
    body: z.strictObject({ text: rulesText }),
    answer: { type: 'json', schema: checkView },
    errors: ['ERR_LIMIT'],
    mcp: no,
    cli: 'constitution check',
  }),
  replaceConstitution: route({
    method: 'PUT',
    path: '/api/v1/constitution',
    tag,
    scope,
    summary: 'Puts other rules in force at once, in place of those that have the hash `previous`.',
    body: z.strictObject({
      text: rulesText,
      previous: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'the hash of the rules in force')
        .describe('Where others are in force by now: 409.'),
    }),
    answer: { type: 'json', schema: constitutionView },
    errors: ['ERR_LIMIT', 'ERR_STORE_CONFLICT'],
    mcp: no,
    cli: 'constitution replace',
  }),
  decide: route({
    method: 'POST',
    path: '/api/v1/constitution/decide',
    tag,
    scope,
    summary: 'What would be decided, and by which rules. Nothing is written down.',
    body: decideRequest,
    answer: { type: 'json', schema: z.object({ decisions: z.array(decisionView) }) },
    errors: ['ERR_LIMIT'],
    mcp: { no: 'an agent that tries the rules out looks for a way around them' },
    cli: 'constitution decide',
  }),
  listAudit: route({
    method: 'GET',
    path: '/api/v1/audit',
    tag,
    scope,
    summary: 'What was decided, the newest first. A page may be short, or empty, and not the last.',
    query: z.strictObject({
      ...pageQuery,
      effect: z.enum(['permit', 'forbid']).exactOptional(),
      tenant: z.string().min(1).max(200).exactOptional().describe('Whoever asked acted for it.'),
    }),
    answer: { type: 'json', schema: z.object({ entries: z.array(auditEntryView), nextCursor }) },
    errors: [],
    mcp: logOnly,
    cli: 'constitution audit',
  }),
  replayAudit: route({
    method: 'POST',
    path: '/api/v1/audit/replay',
    tag,
    scope,
    summary: 'Walks the log and decides all of it again; one at a time.',
    answer: { type: 'json', schema: auditReportView },
    errors: ['ERR_QUEUE_FULL'],
    mcp: logOnly,
    cli: 'constitution replay',
  }),
}
