/** Made-up entries of a ledger, and events of a chain. */
import type { ChainBlock, ChainEventRow } from '../chain-event.ts'
import type { LedgerAppend } from '../ledger-entry.ts'
import { bytesOf, modelIdOf } from './sample.ts'

const hexOf = (seed: string, sizeBytes: number) => `0x${Buffer.from(bytesOf(seed, sizeBytes)).toString('hex')}`

export const addressOf = (seed: string) => hexOf(`address ${seed}`, 20)

/** A receipt, with the fields that the views show. */
export function ledgerEntryOf(subject: string, changes: Partial<LedgerAppend> = {}): LedgerAppend {
  const fields = {
    job: hexOf(`job ${subject}`, 32),
    attempt: 1,
    kind: 'chunk',
    model_id: modelIdOf(subject),
    requester: addressOf('requester'),
    node: addressOf('node'),
    bytes: 2 ** 40,
    prompt_tokens: 0,
    completion_tokens: 0,
    due_wei: '12500000000000000001',
    finished_at: 1_800_000_000,
  }
  return { kind: 'receipt-signed', subject, body: bytesOf(`body ${subject}`, 300), atMs: 1000, fields, ...changes }
}

export function blockOf(blockNumber: number, branch = 'main'): ChainBlock {
  return { blockNumber, blockHash: hexOf(`block ${branch} ${blockNumber}`, 32) }
}

/** One per seed, in this order; each names the addresses of its seed and of `everyone`. */
export function sampleEvents(
  block: ChainBlock,
  seeds: readonly string[],
  changes: Partial<ChainEventRow> = {},
): ChainEventRow[] {
  return seeds.map((seed, at) => ({
    ...block,
    logIndex: 3 * at,
    transactionHash: hexOf(`transaction ${block.blockHash} ${at}`, 32),
    contract: addressOf('escrow'),
    name: 'Claimed',
    args: { amount: '1'.repeat(30), isLast: at === seeds.length - 1, index: at },
    addresses: [addressOf(seed), addressOf('everyone')].sort(),
    ...changes,
  }))
}
