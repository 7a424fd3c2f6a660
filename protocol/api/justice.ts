/**
 * Disputes, juries and rewards, as the control API and the commands give them. Amounts are wei of HART as decimal strings;
 * times are milliseconds since 1970; addresses are lower case; ids, roots and hashes are `0x…` of 32 bytes.
 */

export type DisputePhaseView = 'open' | 'drawn' | 'guilty' | 'innocent' | 'void'
export type BallotView = 'seated' | 'committed' | 'guilty' | 'innocent' | 'dismissed'

/** What anyone may do next for a dispute, by the clock of the chain. */
export interface NextStepView {
  step: 'draw' | 'commit' | 'reveal' | 'resolve' | 'dismiss' | 'none'
  /** When it becomes possible; absent where it is so now, or where a block and no time decides. */
  fromMs?: number
  untilMs?: number
  /** `draw`: possible after this block. */
  afterBlock?: number
}

export interface DisputeView {
  id: string
  /** A receipt of the node, or a root that it proposed to Rewards. */
  subject: 'receipt' | 'root'
  node: string
  challenger: string
  phase: DisputePhaseView
  /** 0 with seven seats, 1 with fifteen. */
  round: number
  seats: number
  guilty: number
  innocent: number
  /** What each juror of the majority receives; `0` before the end. */
  rewardPerJurorWei: string
  next: NextStepView
}

export interface SeatView {
  juror: string
  round: number
  ballot: BallotView
}

/** One dispute with everyone who was drawn for it. */
export interface DisputeDetailView extends DisputeView {
  jurors: SeatView[]
}

/** A node as a juror. */
export interface JurorView {
  juror: string
  isEnlisted: boolean
  /** Enlisted nodes; a jury of seven needs nine. */
  enlisted: number
  /** Where it was drawn and is not dismissed yet. */
  seats: { id: string; node: string; round: number; ballot: BallotView; next: NextStepView }[]
}

/** What one node earned of an epoch's emission. */
export interface RewardView {
  node: string
  /** In the epoch, before cut and royalty. */
  incomeWei: string
  /** At its end, without what thaws. */
  bondWei: string
  shareWei: string
  /** Since the start, as in the leaf. */
  cumulativeWei: string
}

/** The root of an epoch, as the logs give it. */
export interface RewardWeightsView {
  chainId: number
  epoch: number
  /** From the first block up to but not with the second. */
  fromBlock: number
  toBlock: number
  emissionWei: string
  /** Absent where nobody has earned anything yet. */
  root?: string
  /** Earlier epochs that were finalised; others were skipped. */
  countedEpochs: number[]
  nodes: RewardView[]
}

export interface RewardsStatusView {
  finalized?: { epoch: number; root: string }
  pending?: { id: string; epoch: number; root: string; proposer: string; challengeUntilMs: number; isDisputed: boolean }
  /** Of the account that asks. */
  account: string
  claimedWei: string
  /** The most that it may have been paid by now, whatever a root says. */
  capWei: string
}
