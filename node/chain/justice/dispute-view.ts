/** Disputes as people see them: where each stands, and what can be done next by the clock of the chain. */
import type { DisputeDetailView, DisputeView, JurorView, NextStepView, SeatView } from '#protocol/api/justice.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import { chainSeconds } from '../clock.ts'
import { withChainFailures } from '../failure.ts'
import type { Chain } from '../types.ts'
import { type Dispute, DisputesClient, type Seat } from './disputes-client.ts'

interface Moment {
  /** Seconds since 1970. */
  nowSeconds: number
  blockNumber: number
  voteSeconds: number
}

/** All of them, oldest first. @throws {ERR_CHAIN_UNAVAILABLE} */
export async function readDisputes(chain: Chain): Promise<DisputeView[]> {
  const client = new DisputesClient(chain)
  const [disputes, moment] = await Promise.all([client.disputes(), momentOf(chain, client)])
  return await Promise.all(
    disputes.map(async (dispute) => viewOf(dispute, isOver(dispute) ? await client.seatsOf(dispute.id) : [], moment)),
  )
}

/** @throws {ERR_NOT_FOUND} {ERR_CHAIN_UNAVAILABLE} */
export async function readDispute(chain: Chain, id: string): Promise<DisputeDetailView> {
  const client = new DisputesClient(chain)
  const dispute = await requireDispute(client, id)
  const [seats, moment] = await Promise.all([client.seatsOf(id), momentOf(chain, client)])
  return { ...viewOf(dispute, seats, moment), jurors: seats.map(seatView) }
}

/** @throws {ERR_CHAIN_UNAVAILABLE} */
export async function readJuror(chain: Chain, juror: Address): Promise<JurorView> {
  const client = new DisputesClient(chain)
  const [isEnlisted, enlisted, drawn, moment] = await Promise.all([
    client.isEnlisted(juror),
    client.jurorCount(),
    client.drawnFor(juror),
    momentOf(chain, client),
  ])
  const seats = await Promise.all(
    drawn.map(async ({ id, round }) => {
      const [dispute, ballot] = await Promise.all([requireDispute(client, id), client.ballot(id, round, juror)])
      const seat = { juror, round, ballot }
      const next = round === dispute.round ? nextStepOf(dispute, [seat], moment) : dismissal
      return { id, node: dispute.node, next, ...seatView(seat) }
    }),
  )
  const waiting = seats.filter(({ ballot }) => ballot !== 'dismissed')
  return { juror, isEnlisted, enlisted, seats: waiting.map(({ juror: _, ...seat }) => seat) }
}

/** @throws {ERR_NOT_FOUND} */
export async function requireDispute(client: DisputesClient, id: string): Promise<Dispute> {
  const dispute = await client.dispute(id)
  if (dispute === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'dispute', id })
  return dispute
}

const dismissal: NextStepView = { step: 'dismiss' }

export function isOver({ phase }: Pick<Dispute, 'phase'>): boolean {
  return phase === 'guilty' || phase === 'innocent' || phase === 'void'
}

/** Seats of rounds that are over and whose jurors still wait for their reward or penalty. */
export function undismissed(dispute: Dispute, seats: readonly Seat[]): Seat[] {
  return seats.filter(({ round, ballot }) => ballot !== 'dismissed' && (round < dispute.round || isOver(dispute)))
}

function nextStepOf(dispute: Dispute, seats: readonly Seat[], moment: Moment): NextStepView {
  const { nowSeconds, blockNumber, voteSeconds } = moment
  const { endSeconds, phase, seedBlock } = dispute
  if (phase === 'open') {
    if (nowSeconds > endSeconds) return { step: 'resolve' }
    const untilMs = endSeconds * 1000
    return blockNumber < seedBlock ? { step: 'draw', afterBlock: seedBlock, untilMs } : { step: 'draw', untilMs }
  }
  if (phase === 'drawn') {
    const revealEnd = endSeconds + voteSeconds
    if (nowSeconds < endSeconds) return { step: 'commit', untilMs: endSeconds * 1000 }
    if (nowSeconds >= revealEnd || dispute.guilty + dispute.innocent === dispute.seats) return { step: 'resolve' }
    return { step: 'reveal', untilMs: revealEnd * 1000 }
  }
  return undismissed(dispute, seats).length > 0 ? dismissal : { step: 'none' }
}

function viewOf(dispute: Dispute, seats: readonly Seat[], moment: Moment): DisputeView {
  const { endSeconds: _end, seedBlock: _seed, rewardWei, phase, ...rest } = dispute
  const shown = phase as DisputeView['phase']
  return { ...rest, phase: shown, rewardPerJurorWei: String(rewardWei), next: nextStepOf(dispute, seats, moment) }
}

function seatView({ juror, round, ballot }: Seat): SeatView {
  return { juror, round, ballot: ballot as SeatView['ballot'] }
}

async function momentOf(chain: Chain, client: DisputesClient): Promise<Moment> {
  const { provider, rpcUrl } = chain
  return await withChainFailures('the time of the chain', rpcUrl, async () => {
    const [nowSeconds, blockNumber, { voteSeconds }] = await Promise.all([
      chainSeconds(chain),
      provider.getBlockNumber(),
      client.terms(),
    ])
    return { nowSeconds, blockNumber, voteSeconds }
  })
}
