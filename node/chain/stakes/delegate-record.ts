/** What the events say of one who registered as a node, kept as they come. */
import { type Address, parseAddress } from '#protocol/ids.ts'
import type { ChainEventRow } from '#sql/store/index.ts'
import type { StakeBook } from './stake-book.ts'

const noEnd = String(2n ** 64n - 1n)

/** Where an event stands. */
export interface Place {
  blockNumber: number
  transactionHash: string
}

/** Announced after the registration. Times in seconds since 1970. */
export interface Announcement extends Place {
  commissionBps: number
  announcedAt: number
  startsAt: number
}

/** A payment to all who had stake with the node. */
export interface Payment extends Place {
  isEmission: boolean
  toBondWei: bigint
  toPoolWei: bigint
  /** What earned when it came. */
  bondWei: bigint
  delegatedWei: bigint
}

export interface Slash extends Place {
  fromBondWei: bigint
  fromPoolWei: bigint
}

export interface RecordTerms {
  /** Address of the contract that pays emission. */
  rewards: Address
  /** Between the announcement of a commission and its start. */
  noticeSeconds: number
}

export class DelegateRecord {
  readonly address: Address
  readonly registered: Place
  /** With which it registered. */
  readonly firstCommissionBps: number
  readonly announcements: Announcement[] = []
  readonly payments: Payment[] = []
  readonly slashes: Slash[] = []
  /** Until when they bind, in seconds since 1970; Infinity for no end. */
  readonly signers = new Map<Address, number>()
  frozen = 0
  /** 32 bytes, `0x…`. */
  peerKey: string

  constructor(address: Address, event: ChainEventRow) {
    this.address = address
    this.registered = placeOf(event)
    this.firstCommissionBps = event.args['commissionBps'] as number
    this.peerKey = event.args['peerKey'] as string
  }

  /** @param book As it was before this event. */
  add(event: ChainEventRow, book: StakeBook, { rewards, noticeSeconds }: RecordTerms): void {
    const { name, args } = event
    const place = placeOf(event)
    const wei = (field: string) => BigInt(args[field] as string)
    if (name === 'CommissionSet') {
      const startsAt = Number(args['startsAt'])
      const commissionBps = args['commissionBps'] as number
      this.announcements.push({ ...place, commissionBps, announcedAt: startsAt - noticeSeconds, startsAt })
    } else if (name === 'SignerSet') {
      const until = args['validUntil'] === noEnd ? Number.POSITIVE_INFINITY : Number(args['validUntil'])
      this.signers.set(parseAddress(String(args['signer'])), until)
    } else if (name === 'PeerKeySet') this.peerKey = args['peerKey'] as string
    else if (name === 'Frozen') this.frozen = args['frozen'] as number
    else if (name === 'Slashed')
      this.slashes.push({ ...place, fromBondWei: wei('fromBond'), fromPoolWei: wei('fromPool') })
    else if (name === 'Distributed')
      this.payments.push({
        ...place,
        isEmission: args['from'] === rewards,
        toBondWei: wei('toBond'),
        toPoolWei: wei('toPool'),
        bondWei: book.bondOf(this.address),
        delegatedWei: book.earningOf(this.address),
      })
  }

  /** In force at a moment (seconds since 1970), and what was announced until then and waits. */
  commissionAt(seconds: number): { commissionBps: number; next?: Announcement } {
    let commissionBps = this.firstCommissionBps
    let next: Announcement | undefined
    for (const announcement of this.announcements) {
      if (announcement.announcedAt > seconds) break
      // One that had not started by then was replaced.
      if (next !== undefined && next.startsAt <= announcement.announcedAt) commissionBps = next.commissionBps
      next = announcement
    }
    if (next === undefined) return { commissionBps }
    return seconds >= next.startsAt ? { commissionBps: next.commissionBps } : { commissionBps, next }
  }
}

function placeOf({ blockNumber, transactionHash }: ChainEventRow): Place {
  return { blockNumber, transactionHash }
}
