/** Events of contracts on a chain, and how far they have been read: both change in one transaction. */
import { HartonomousError } from '#protocol/errors.ts'
import { parseAddress } from '#protocol/ids.ts'
import { chainEventPageRowsMax, chainsPerTenantMax } from '#protocol/limits.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import {
  type ChainBlock,
  type ChainEventFilter,
  type ChainEventPage,
  type ChainEventRow,
  checkEventNames,
} from './chain-event.ts'
import type { TenantSession } from './executor.ts'
import type { StoredChain, StoredChainEvent } from './statements.ts'

const pageRowsDefault = 100

export async function chainCursor(x: TenantSession, name: string): Promise<ChainBlock | undefined> {
  return cursorOf(await x.get('findChain', { name }))
}

/** False, and nothing is written, where the cursor is not `from`. `events` have been checked. */
export async function addChainEvents(
  x: TenantSession,
  name: string,
  { from, to, events }: { from?: ChainBlock | undefined; to: ChainBlock; events: readonly ChainEventRow[] },
): Promise<boolean> {
  const known = await x.get('findChain', { name })
  if (!isSameBlock(cursorOf(known), from)) return false
  const chainPk = known?.chainPk ?? (await makeChain(x, name))
  await x.runMany(
    'insertChainEvent',
    events.map(({ args, addresses, ...event }) => ({
      ...event,
      chainPk,
      args: canonicalJson(args),
      addresses: canonicalJson(addresses),
    })),
  )
  await x.runMany(
    'insertChainEventAddress',
    events.flatMap(({ addresses, blockNumber, logIndex }) =>
      addresses.map((address) => ({ chainPk, address, blockNumber, logIndex })),
    ),
  )
  await x.run('moveChain', { chainPk, blockNumber: to.blockNumber, blockHash: to.blockHash })
  return true
}

async function makeChain(x: TenantSession, name: string): Promise<number> {
  const { count } = (await x.get('countChains', {}))!
  if (count >= chainsPerTenantMax)
    throw new HartonomousError('ERR_LIMIT', { what: 'chains', limit: chainsPerTenantMax, actual: count + 1 })
  return (await x.get('insertChain', { name }))!.chainPk
}

/** Those behind `to`, and those of another block that stood at its height. */
export async function removeChainEvents(x: TenantSession, name: string, to: ChainBlock | undefined): Promise<number> {
  const known = await x.get('findChain', { name })
  const cursor = cursorOf(known)
  if (to !== undefined && (cursor === undefined || cursor.blockNumber < to.blockNumber)) {
    const message = `the events of ${name} end at block ${cursor?.blockNumber ?? 'none'}, before block ${to.blockNumber}`
    throw new HartonomousError('ERR_USAGE', { message })
  }
  if (known === undefined || cursor === undefined) return 0
  const { chainPk } = known
  const { blockNumber, blockHash } = to ?? { blockNumber: -1, blockHash: '' }
  const removed = await x.run('deleteChainEvents', { chainPk, blockNumber, blockHash })
  await x.run('moveChain', { chainPk, blockNumber: to?.blockNumber ?? null, blockHash: to?.blockHash ?? null })
  return removed
}

/** In the order of the chain. Of several names the pages are merged: each has its rows in an index. */
export async function listChainEvents(
  x: TenantSession,
  name: string,
  { names = [], address, afterBlock, limit: wanted, cursor }: ChainEventFilter,
): Promise<ChainEventPage> {
  const limit = checkLimit(wanted)
  checkEventNames(names)
  const behind = cursor === undefined ? undefined : parseCursor(cursor)
  const known = await x.get('findChain', { name })
  if (known === undefined) return { events: [] }
  // Behind the last event that its block could have.
  const start = { afterBlock: afterBlock ?? -1, afterIndex: Number.MAX_SAFE_INTEGER }
  // One more than asked for tells whether there is a next page.
  const page = { chainPk: known.chainPk, ...(behind ?? start), limit: limit + 1 }
  const rows: StoredChainEvent[] = []
  if (address !== undefined) {
    const named = names.length === 0 ? null : JSON.stringify(names)
    rows.push(...(await x.all('listChainEventsOf', { ...page, address: parseAddress(address), names: named })))
  } else if (names.length === 0) rows.push(...(await x.all('listChainEvents', page)))
  else for (const each of new Set(names)) rows.push(...(await x.all('listChainEventsNamed', { ...page, name: each })))
  rows.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)
  const shown = rows.slice(0, limit)
  const events = shown.map(eventOf)
  const last = shown.at(-1)
  return rows.length > limit ? { events, nextCursor: `${last!.blockNumber}.${last!.logIndex}` } : { events }
}

function eventOf({ args, addresses, ...row }: StoredChainEvent): ChainEventRow {
  return { ...row, args: parseJson<ChainEventRow['args']>(args), addresses: parseJson<string[]>(addresses) }
}

function cursorOf(chain: StoredChain | undefined): ChainBlock | undefined {
  if (chain === undefined || chain.blockNumber === null || chain.blockHash === null) return undefined
  return { blockNumber: chain.blockNumber, blockHash: chain.blockHash }
}

function isSameBlock(a: ChainBlock | undefined, b: ChainBlock | undefined): boolean {
  return a?.blockNumber === b?.blockNumber && a?.blockHash === b?.blockHash
}

function parseCursor(cursor: string): { afterBlock: number; afterIndex: number } {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(cursor)
  if (match === null)
    throw new HartonomousError('ERR_USAGE', { message: `not a cursor: ${JSON.stringify(cursor.slice(0, 40))}` })
  return { afterBlock: Number(match[1]), afterIndex: Number(match[2]) }
}

function checkLimit(limit = pageRowsDefault): number {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new HartonomousError('ERR_USAGE', { message: `a page of ${limit} events of a chain` })
  }
  return Math.min(limit, chainEventPageRowsMax)
}
