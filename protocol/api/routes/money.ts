import { z } from 'zod'
import { receiptView, stakeEntry } from '../network.ts'
import { balanceView } from '../payment.ts'
import { nextCursor, pageQuery, route } from './shape.ts'

export const moneyRoutes = {
  listReceipts: route({
    method: 'GET',
    path: '/api/v1/receipts',
    tag: 'money',
    scope: 'jobs:read',
    summary: "Receipts of the caller's jobs, newest job first; a page is that of `limit` jobs, and may be empty.",
    query: z.strictObject(pageQuery),
    answer: { type: 'json', schema: z.object({ receipts: z.array(receiptView), nextCursor }) },
    errors: [],
    mcp: { no: 'receipts are for who checks signatures' },
    cli: { no: 'hart jobs show gives those of a job' },
  }),
  listStakes: route({
    method: 'GET',
    path: '/api/v1/stakes',
    tag: 'money',
    scope: 'network:read',
    summary:
      'Bonds on the chain behind the nodes that are seen now; a page is that of `limit` nodes, and may be empty.',
    query: z.strictObject(pageQuery),
    answer: { type: 'json', schema: z.object({ stakes: z.array(stakeEntry), nextCursor }) },
    errors: ['ERR_NOT_FOUND'],
    mcp: { no: 'network_state has the bond of each node' },
    cli: 'nodes',
  }),
  balances: route({
    method: 'GET',
    path: '/api/v1/balances',
    tag: 'money',
    scope: 'admin',
    summary: 'All HART of the account that this coordinator pays from, as of one block.',
    answer: { type: 'json', schema: balanceView },
    errors: ['ERR_NOT_FOUND', 'ERR_CHAIN_UNAVAILABLE'],
    mcp: { no: 'money of the operator is no business of agents' },
    cli: 'wallet balance',
  }),
}
