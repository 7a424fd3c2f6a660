import { z } from 'zod'
import { accountRewardsView, chainStateView, delegateView, fundedView } from '../chain.ts'
import { balanceView } from '../payment.ts'
import { nextCursor, pageQuery, route } from './shape.ts'

const params = z.strictObject({
  address: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, '0x and 40 hexadecimal digits')
    .describe('0x and 40 hexadecimal digits, in any case.'),
})

/** Of which each row takes a question to the chain, once. */
const rewardsPageMax = 200

export const chainRoutes = {
  chainState: route({
    method: 'GET',
    path: '/api/v1/chain',
    tag: 'money',
    scope: 'network:read',
    summary: 'The chain of this coordinator: its contracts, clock and epoch, the terms of staking, and totals.',
    answer: { type: 'json', schema: chainStateView },
    errors: ['ERR_NOT_FOUND', 'ERR_CHAIN_UNAVAILABLE'],
    mcp: { no: 'agents pay by the coordinator, and sign nothing' },
    cli: 'chain status',
  }),
  account: route({
    method: 'GET',
    path: '/api/v1/accounts/{address}',
    tag: 'money',
    scope: 'network:read',
    summary: 'All HART of any address, as of one block: free, escrowed, staked and unlocking.',
    params,
    answer: { type: 'json', schema: balanceView },
    errors: ['ERR_NOT_FOUND', 'ERR_CHAIN_UNAVAILABLE', 'ERR_QUEUE_FULL'],
    mcp: { no: 'agents pay by the coordinator, and sign nothing' },
    cli: 'wallet balance',
  }),
  accountRewards: route({
    method: 'GET',
    path: '/api/v1/accounts/{address}/rewards',
    tag: 'money',
    scope: 'network:read',
    summary: 'What rewards and slashes did to the stake of an address: one row for each payment, newest first.',
    params,
    query: z.strictObject({
      ...pageQuery,
      limit: z.coerce.number().int().min(1).max(rewardsPageMax).exactOptional().describe('At most; 100 unless given.'),
    }),
    answer: { type: 'json', schema: accountRewardsView.extend({ nextCursor }) },
    errors: ['ERR_NOT_FOUND', 'ERR_CHAIN_UNAVAILABLE', 'ERR_LIMIT'],
    mcp: { no: 'agents pay by the coordinator, and sign nothing' },
    cli: { no: 'hart rewards status shows those of an own node; those of any address are for the page' },
  }),
  fundAccount: route({
    method: 'POST',
    path: '/api/v1/accounts/{address}/fund',
    tag: 'money',
    scope: 'admin',
    summary: 'Gives HART, and ether for gas, to an address: only on a development chain, where they are worth nothing.',
    params,
    answer: { type: 'json', schema: fundedView },
    errors: ['ERR_NOT_FOUND', 'ERR_CHAIN_UNAVAILABLE', 'ERR_CHAIN_WRONG', 'ERR_FUNDS'],
    mcp: { no: 'for a person who tries the pages with a wallet' },
    cli: 'chain fund',
  }),
  listDelegates: route({
    method: 'GET',
    path: '/api/v1/delegates',
    tag: 'money',
    scope: 'network:read',
    summary: 'Those who registered as a node and may take delegation, the largest bond first: terms, room, history.',
    query: z.strictObject(pageQuery),
    answer: { type: 'json', schema: z.object({ delegates: z.array(delegateView), nextCursor }) },
    errors: ['ERR_NOT_FOUND', 'ERR_CHAIN_UNAVAILABLE', 'ERR_LIMIT'],
    mcp: { no: 'network_state has the bond of each node' },
    cli: { no: 'hart stake show tells of an own bond; a choice among all is for the page' },
  }),
  getDelegate: route({
    method: 'GET',
    path: '/api/v1/delegates/{address}',
    tag: 'money',
    scope: 'network:read',
    summary: 'One of them, with the keys whose receipts bind it.',
    params,
    answer: { type: 'json', schema: delegateView },
    errors: ['ERR_NOT_FOUND', 'ERR_CHAIN_UNAVAILABLE', 'ERR_LIMIT'],
    mcp: { no: 'network_state has the bond of each node' },
    cli: { no: 'hart stake show tells of an own bond; any other is for the page' },
  }),
}
