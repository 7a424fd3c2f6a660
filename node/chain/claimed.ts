/** What a payee was ever paid, by the contract's own events: read afresh, not from what a node remembers. */
import { id, zeroPadValue } from 'ethers'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { interfaceOf } from './contract-call.ts'
import { readLogs } from './logs.ts'
import type { Chain } from './types.ts'

export interface ClaimedEvent {
  payer: Address
  topic: Uint8Array
  /** What left the payer, before the burned cut and the royalty. */
  amountWei: bigint
  transactionHash: string
}

/** @throws {ERR_CHAIN_UNAVAILABLE} */
export async function readClaimed(chain: Chain, payee: Address): Promise<ClaimedEvent[]> {
  const escrow = interfaceOf('Escrow')
  const event = escrow.getEvent('Claimed')!
  const topics = [id(event.format('sighash')), null, zeroPadValue(payee, 32)]
  const logs = await readLogs(chain, { address: chain.addresses.Escrow, topics }, chain.deployedAtBlock)
  return logs.map((log) => {
    const { args } = escrow.parseLog(log)!
    return {
      payer: parseAddress(args['payer']),
      topic: new Uint8Array(Buffer.from(String(args['topic']).slice(2), 'hex')),
      amountWei: args['amount'],
      transactionHash: log.transactionHash,
    }
  })
}
