import { hexlify, type LogDescription, zeroPadValue } from 'ethers'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { ask, type ContractCall, contractCall, eventOf, interfaceOf, type ReadEvents } from '../contract-call.ts'
import { readLogs } from '../logs.ts'
import { expandSignature } from '../typed-data.ts'
import type { Chain } from '../types.ts'
import type { SignedReceipt } from './evidence.ts'

export const disputePhases = ['none', 'open', 'drawn', 'guilty', 'innocent', 'void'] as const
export type DisputePhase = (typeof disputePhases)[number]

export const ballots = ['not-seated', 'seated', 'committed', 'guilty', 'innocent', 'dismissed'] as const
export type Ballot = (typeof ballots)[number]

export interface Dispute {
  /** `0x…` of 32 bytes: the digest of a receipt, or the id of a proposed root. */
  id: string
  subject: 'receipt' | 'root'
  node: Address
  challenger: Address
  phase: DisputePhase
  /** 0 with seven seats, 1 with fifteen. */
  round: number
  seats: number
  /** Revealed votes. */
  guilty: number
  innocent: number
  /** While `open` the end of the time for a draw; while `drawn` the end of the commit phase. Seconds since 1970. */
  endSeconds: number
  /** While `open`: it can be drawn after this block. */
  seedBlock: number
  /** What each juror of the majority receives. */
  rewardWei: bigint
}

export interface Seat {
  juror: Address
  round: number
  ballot: Ballot
}

export interface DisputeTerms {
  bondWei: bigint
  rootBondWei: bigint
  slashWei: bigint
  noShowSlashWei: bigint
  challengeSeconds: number
  drawSeconds: number
  voteSeconds: number
}

/** Nodes that broke their word, and those who judge it. Methods that return a call send nothing by themselves. */
export class DisputesClient {
  readonly #chain: Chain

  constructor(chain: Chain) {
    this.#chain = chain
  }

  async terms(): Promise<DisputeTerms> {
    const methods = ['BOND', 'ROOT_BOND', 'SLASH', 'NO_SHOW_SLASH', 'CHALLENGE_WINDOW', 'DRAW_WINDOW', 'VOTE_WINDOW']
    const values = await Promise.all(methods.map((method) => ask(this.#chain, 'Disputes', method)))
    const [bondWei, rootBondWei, slashWei, noShowSlashWei, ...seconds] = values.map(([value]) => value as bigint)
    const [challengeSeconds, drawSeconds, voteSeconds] = seconds.map(Number)
    return {
      bondWei: bondWei!,
      rootBondWei: rootBondWei!,
      slashWei: slashWei!,
      noShowSlashWei: noShowSlashWei!,
      challengeSeconds: challengeSeconds!,
      drawSeconds: drawSeconds!,
      voteSeconds: voteSeconds!,
    }
  }

  /** Undefined for an unknown id. */
  async dispute(id: string): Promise<Dispute | undefined> {
    const [found] = await ask(this.#chain, 'Disputes', 'disputeOf', id)
    const phase = disputePhases[Number(found.phase)]!
    if (phase === 'none') return undefined
    const [seats] = await ask(this.#chain, 'Disputes', 'seatsOf', found.round)
    return {
      id,
      subject: found.isRoot ? 'root' : 'receipt',
      node: parseAddress(found.node),
      challenger: parseAddress(found.challenger),
      phase,
      round: Number(found.round),
      seats: Number(seats),
      guilty: Number(found.guilty),
      innocent: Number(found.innocent),
      endSeconds: Number(found.end),
      seedBlock: Number(found.seedBlock),
      rewardWei: found.reward,
    }
  }

  /** All that ever began, oldest first; read from the events, because the contract keeps no list. */
  async disputes(): Promise<Dispute[]> {
    const opened = await this.#events('Opened', [])
    const ids = [...new Set(opened.map(({ args }) => args['id'] as string))]
    const found = await Promise.all(ids.map((id) => this.dispute(id)))
    return found.filter((dispute) => dispute !== undefined)
  }

  /** Everyone who was drawn for it, both rounds, in the order of the draw. */
  async seatsOf(id: string): Promise<Seat[]> {
    const seated = await this.#events('Seated', [id])
    return await Promise.all(
      seated.map(async ({ args }) => {
        const [juror, round] = [parseAddress(args['juror']), Number(args['round'])]
        return { juror, round, ballot: await this.ballot(id, round, juror) }
      }),
    )
  }

  /** Where a node was drawn, oldest first. */
  async drawnFor(juror: Address): Promise<{ id: string; round: number }[]> {
    const seated = await this.#events('Seated', [null, null, zeroPadValue(juror, 32)])
    return seated.map(({ args }) => ({ id: args['id'], round: Number(args['round']) }))
  }

  async ballot(id: string, round: number, juror: Address): Promise<Ballot> {
    const [ballot] = await ask(this.#chain, 'Disputes', 'ballotOf', id, round, juror)
    return ballots[Number(ballot)]!
  }

  /** What a juror committed to; undefined where it has not. */
  async commitmentBy(id: string, round: number, juror: Address): Promise<string | undefined> {
    const committed = await this.#events('Committed', [id, null, zeroPadValue(juror, 32)])
    return committed.find(({ args }) => Number(args['round']) === round)?.args['commitment']
  }

  /** What hides a vote until it is revealed. It names the juror, so that nobody else can use a copy of it. */
  async commitmentOf(id: string, round: number, juror: Address, isGuilty: boolean, salt: string): Promise<string> {
    const [commitment] = await ask(this.#chain, 'Disputes', 'commitmentOf', id, round, juror, isGuilty, salt)
    return commitment
  }

  async isEnlisted(juror: Address): Promise<boolean> {
    const who = zeroPadValue(juror, 32)
    const [on, off] = await Promise.all([this.#events('Enlisted', [who]), this.#events('Delisted', [who])])
    return on.length > off.length
  }

  async jurorCount(): Promise<number> {
    return Number((await ask(this.#chain, 'Disputes', 'jurorCount'))[0])
  }

  /** Pays half of what is slashed to the sender. */
  slashEquivocation(first: SignedReceipt, second: SignedReceipt): ContractCall<{ slashedWei: bigint }> {
    const args = [...receiptArguments(first), ...receiptArguments(second)]
    return this.#call('slashEquivocation', args, (events) => ({
      slashedWei: eventOf(events, 'Equivocated').args['slashed'],
    }))
  }

  /** The sender has approved the bond. */
  open(signed: SignedReceipt): ContractCall<{ id: string }> {
    return this.#call('open', receiptArguments(signed), (events) => ({ id: eventOf(events, 'Opened').args['id'] }))
  }

  /** The sender is an active node, and has approved the bond of roots. */
  openRoot(id: string): ContractCall<{ id: string }> {
    return this.#call('openRoot', [id], () => ({ id }))
  }

  /** Where the hash of the seed block is gone it names another block instead, and tells it. */
  draw(id: string): ContractCall<{ jurors: Address[]; newSeedBlock?: number }> {
    return this.#call('draw', [id], (events) => {
      const jurors = events.filter(({ name }) => name === 'Seated').map(({ args }) => parseAddress(args['juror']))
      const missed = events.find(({ name }) => name === 'SeedMissed')
      return { jurors, ...(missed === undefined ? {} : { newSeedBlock: Number(missed.args['seedBlock']) }) }
    })
  }

  commit(id: string, commitment: string): ContractCall<unknown> {
    return this.#call('commit', [id, commitment])
  }

  reveal(id: string, isGuilty: boolean, salt: string): ContractCall<unknown> {
    return this.#call('reveal', [id, isGuilty, salt])
  }

  /** Ends a round; without a majority in the first one, a second one begins and no outcome is told. */
  resolve(id: string): ContractCall<{ outcome?: DisputePhase; slashedWei?: bigint }> {
    return this.#call('resolve', [id], (events) => {
      const resolved = events.find(({ name }) => name === 'Resolved')
      if (resolved === undefined) return {}
      return { outcome: disputePhases[Number(resolved.args['outcome'])]!, slashedWei: resolved.args['slashed'] }
    })
  }

  /** Pays a juror of a round that is over, or takes from one that did not reveal. */
  dismiss(id: string, round: number, juror: Address): ContractCall<{ rewardWei: bigint; penaltyWei: bigint }> {
    return this.#call('dismiss', [id, round, juror], (events) => {
      const { reward, penalty } = eventOf(events, 'Dismissed').args
      return { rewardWei: reward, penaltyWei: penalty }
    })
  }

  enlist(): ContractCall<unknown> {
    return this.#call('enlist', [])
  }

  delist(juror: Address): ContractCall<unknown> {
    return this.#call('delist', [juror])
  }

  async #events(name: string, topics: (string | null)[]): Promise<LogDescription[]> {
    const abi = interfaceOf('Disputes')
    const filter = { address: this.#chain.addresses.Disputes, topics: [abi.getEvent(name)!.topicHash, ...topics] }
    const logs = await readLogs(this.#chain, filter, this.#chain.deployedAtBlock)
    return logs.map((log) => abi.parseLog(log)!)
  }

  #call<T>(method: string, args: readonly unknown[], readEvents?: ReadEvents<T>): ContractCall<T> {
    const call = { chain: this.#chain, contract: 'Disputes', method, args } as const
    return contractCall(readEvents === undefined ? call : { ...call, readEvents })
  }
}

function receiptArguments({ receipt, signature }: SignedReceipt): [Record<string, unknown>, string] {
  const { job, input, output, details, ...rest } = receipt
  const hashes = { job: hexlify(job), input: hexlify(input), output: hexlify(output), details: hexlify(details) }
  return [{ ...rest, ...hashes }, hexlify(expandSignature(signature))]
}
