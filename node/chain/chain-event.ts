/** Events as rows of the shard database: by name, with values that JSON can hold. */
import type { Log, ParamType } from 'ethers'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { chainTextCharsMax } from '#protocol/limits.ts'
import type { ChainEventRow } from '#sql/store/index.ts'
import { interfaceOf } from './contract-call.ts'
import type { Chain, ContractName } from './types.ts'

/** All but the token: its transfers are of everybody, and a balance is asked for, not added up. */
export const indexedContracts = [
  'Models',
  'Escrow',
  'Staking',
  'Rewards',
  'Disputes',
  'Reputation',
] as const satisfies readonly ContractName[]

/** Undefined for what is no event of the contract at that address. */
export function chainEventOf(chain: Chain, log: Log): ChainEventRow | undefined {
  const contract = parseAddress(log.address)
  const name = indexedContracts.find((each) => chain.addresses[each] === contract)
  const event = name === undefined ? null : interfaceOf(name).parseLog(log)
  if (event === null) return undefined
  const args: ChainEventRow['args'] = {}
  const addresses: Address[] = []
  for (const [index, input] of event.fragment.inputs.entries()) {
    args[input.name] = readValue(input, () => event.args[index])
    if (input.type === 'address') addresses.push(parseAddress(String(event.args[index])))
  }
  const { blockNumber, blockHash, transactionHash, index: logIndex } = log
  return { blockNumber, blockHash, logIndex, transactionHash, contract, name: event.name, args, addresses }
}

/** Integers of up to 32 bits are numbers, longer ones decimal text. */
function readValue(type: ParamType, read: () => unknown): string | number | boolean {
  let value: unknown
  try {
    value = read()
  } catch {
    // ethers decodes text when it is read: a contract takes bytes that are none.
    return 'not text'
  }
  if (typeof value === 'bigint') return /^u?int(8|16|24|32)$/.test(type.type) ? Number(value) : value.toString()
  if (typeof value === 'boolean') return value
  if (type.type === 'address') return parseAddress(String(value))
  // Of an indexed text the chain keeps only the hash.
  const hash = (value as { hash?: unknown }).hash
  const text = typeof hash === 'string' ? hash : String(value)
  return text.length <= chainTextCharsMax ? text : `${text.slice(0, chainTextCharsMax - 1).toWellFormed()}…`
}
