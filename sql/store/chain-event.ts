/** Events of contracts, as an indexer hands them over: what is checked of them before anything is written. */
import { type Address, parseAddress } from '#protocol/ids.ts'
import {
  chainEventAddressesMax,
  chainEventArgsBytesMax,
  chainEventsPerPutMax,
  chainNameBytesMax,
} from '#protocol/limits.ts'
import { atMost, wrong } from './bounds.ts'
import { canonicalJson } from './canonical-json.ts'

export interface ChainBlock {
  blockNumber: number
  /** `0x` and 64 lower-case hexadecimal digits. */
  blockHash: string
}

export interface ChainEventRow extends ChainBlock {
  /** Of the event in its block. */
  logIndex: number
  transactionHash: string
  contract: string
  /** `Claimed` */
  name: string
  /** Amounts as decimal digits. */
  args: Record<string, string | number | boolean>
  /** Those that the event names, for look-ups. */
  addresses: string[]
}

export interface ChainEventBatch {
  /** The cursor as it is; absent before the first events. */
  from?: ChainBlock | undefined
  /** The cursor as it shall be: events are those behind `from`, up to and with this block. */
  to: ChainBlock
  events: ChainEventRow[]
}

export interface ChainEventFilter {
  /** One of these; empty or absent: any. */
  names?: readonly string[]
  /** Events that name it. */
  address?: string
  /** In later blocks than this one. */
  afterBlock?: number
  /** 100 unless given, 1000 at most. */
  limit?: number
  cursor?: string
}

export interface ChainEventPage {
  events: ChainEventRow[]
  /** Absent on the last page. */
  nextCursor?: string
}

const hashPattern = /^0x[0-9a-f]{64}$/
const namePattern = /^[\w$]{1,64}$/

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkChain(name: string): void {
  if (name === '' || !name.isWellFormed()) throw wrong('the name of a chain is empty, or no valid text')
  atMost('bytes of the name of a chain', Buffer.byteLength(name), chainNameBytesMax)
}

/** @throws {ERR_USAGE} */
export function checkBlock({ blockNumber, blockHash }: ChainBlock): void {
  if (!isIndex(blockNumber) || !hashPattern.test(blockHash)) throw wrong(`no block of a chain: ${blockNumber}`)
}

/** Addresses in lower case, as they are stored. @throws {ERR_USAGE} {ERR_LIMIT} {ERR_ID} */
export function checkChainEvents({ from, to, events }: ChainEventBatch): ChainEventRow[] {
  if (from !== undefined) checkBlock(from)
  checkBlock(to)
  const first = from === undefined ? 0 : from.blockNumber + 1
  if (to.blockNumber < first) throw wrong(`the events up to block ${to.blockNumber} begin at block ${first}`)
  atMost('events of one put', events.length, chainEventsPerPutMax)
  const seen = new Set<string>()
  return events.map((event) => {
    const place = `event ${event.logIndex} of block ${event.blockNumber}`
    checkBlock(event)
    if (event.blockNumber < first || event.blockNumber > to.blockNumber)
      throw wrong(`${place} is not between blocks ${first} and ${to.blockNumber}`)
    if (event.blockNumber === to.blockNumber && event.blockHash !== to.blockHash)
      throw wrong(`${place} is of another block ${to.blockNumber}`)
    if (!isIndex(event.logIndex) || !hashPattern.test(event.transactionHash) || !namePattern.test(event.name))
      throw wrong(`${place} has no valid index, transaction or name`)
    if (seen.has(place)) throw wrong(`${place} is given twice`)
    seen.add(place)
    atMost('addresses of an event', event.addresses.length, chainEventAddressesMax)
    atMost('bytes of the arguments of an event', Buffer.byteLength(canonicalJson(event.args)), chainEventArgsBytesMax)
    const addresses = [...new Set<Address>(event.addresses.map(parseAddress))].sort()
    return { ...event, contract: parseAddress(event.contract), addresses }
  })
}

/** @throws {ERR_USAGE} for names that no event can have. */
export function checkEventNames(names: readonly string[]): void {
  const bad = names.find((name) => !namePattern.test(name))
  if (bad !== undefined) throw wrong(`no name of an event: ${JSON.stringify(bad.slice(0, 80))}`)
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
