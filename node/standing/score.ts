/**
 * One number in (0, 1] for how much a peer may be relied on: what it has earned, times what evidence has left of it.
 * Why these figures: docs/decisions/2026-11-21-peer-standing.md.
 */
import { MiB } from '#protocol/units.ts'
import type { PeerRecord } from './record.ts'
import type { ChainStanding } from './types.ts'

/** The floor of everybody against whom there is no evidence: identities cost nothing, so nobody needs to be below it. */
export const newcomerScore = 0.25
/** From here on a peer counts as proven: 88 MiB of verified bytes, the least bond, or some of both. */
export const provenScore = 0.3
/** Below it there is evidence that good work has not outgrown. */
export const suspectScore = newcomerScore / 2

/** What the best can have beyond the floor. */
const workWeight = 0.4
const stakeWeight = 0.2
const incomeWeight = 0.15

/** Each doubling above `unit` is worth the same, up to `full`. */
const workScale = { unit: 64 * MiB, full: 64 * 1024 * MiB }
/** An answer of 1,000 tokens keeps a machine as busy as 64 MiB of chunks keep a home line: the better part of a minute. */
const bytesPerToken = (64 * MiB) / 1000
/** In HART. The least bond is 1,000. */
const stakeScale = { unit: 100, full: 100_000 }
/** In HART. One is what makes a client of Reputation. */
const incomeScale = { unit: 1, full: 10_000 }

/** How often each piece of evidence halves the score. Above 2, it leaves the best with less than a newcomer has. */
const halvings = { wrongBytes: 4, brokenPromises: 3, equivocations: 3, brokenProtocol: 1, disputesLost: 1 }
/** Facts of a chain do not fade; more of one kind than this changes nothing. */
const chainEvidenceMax = 8

export interface Score {
  score: number
  /** Summands. */
  earned: { newcomer: number; work: number; stake: number; income: number }
  /** Factors, at most 1. */
  evidence: Record<keyof typeof halvings, number>
}

export type StandingGroup = 'proven' | 'newcomer' | 'suspect'

export function scoreOf(record: PeerRecord, chain: ChainStanding | undefined): Score {
  const bound = chain?.state === 'bound' ? chain : undefined
  const earned = {
    newcomer: newcomerScore,
    work: workWeight * gain(record.bytes + record.tokens * bytesPerToken, workScale),
    stake: stakeWeight * gain(inHart(bound?.stakeWei), stakeScale),
    income: incomeWeight * gain(inHart(bound?.incomeWei), incomeScale),
  }
  const left = (kind: keyof typeof halvings, times: number) => 2 ** (-halvings[kind] * times)
  const evidence = {
    wrongBytes: left('wrongBytes', record.wrongBytes),
    brokenPromises: left('brokenPromises', record.brokenPromises),
    brokenProtocol: left('brokenProtocol', record.brokenProtocol),
    equivocations: left('equivocations', Math.min(chainEvidenceMax, bound?.equivocations ?? 0)),
    disputesLost: left('disputesLost', Math.min(chainEvidenceMax, bound?.disputesLost ?? 0)),
  }
  const sum = Object.values(earned).reduce((total, part) => total + part, 0)
  const score = Object.values(evidence).reduce((product, factor) => product * factor, Math.min(1, sum))
  return { score, earned, evidence }
}

export function groupOf(score: number): StandingGroup {
  return score >= provenScore ? 'proven' : score < suspectScore ? 'suspect' : 'newcomer'
}

/** 0 .. 1, by the logarithm: the first of anything says most. */
function gain(amount: number, { unit, full }: { unit: number; full: number }): number {
  return Math.min(1, Math.log2(1 + amount / unit) / Math.log2(1 + full / unit))
}

function inHart(wei: bigint | undefined): number {
  return Number(wei ?? 0n) / 1e18
}
