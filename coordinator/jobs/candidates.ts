/** Which nodes may do a piece of work, what they ask for it, and which of them is asked now. */
import type { JobTerms, PrivacyLabel } from '#protocol/api/jobs.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'

export interface Candidate {
  peerId: PeerId
  lease: Pick<Lease, 'region' | 'isPaused' | 'inferenceSlots' | 'inferenceSlotsFree'>
  /** 0 to 1; suspects are no candidates. */
  score: number
  hasBond: boolean
  weiPerKiloToken: bigint
  /** Its last probe failed. */
  hasFailed: boolean
  /** It has answered us: a job, or the last probe. Everybody else only says that it would. */
  hasAnswered: boolean
  /** The coordinator's own node. */
  isOwn: boolean
}

export interface Needs {
  privacy: PrivacyLabel
  regions?: readonly string[] | undefined
  /** Left of what the job may cost. */
  budgetWei: bigint
  /** Of the prompt and the answer together, at most. */
  tokensMax: number
  /** Tried before: asked again only when nobody else is left. */
  tried: ReadonlySet<PeerId>
}

export function needsOf(terms: JobTerms): Pick<Needs, 'privacy' | 'regions'> {
  return { privacy: terms.privacy ?? 'public', regions: terms.regions }
}

/** Empty where it may, else the reason in a few words. */
export function refusalOf(candidate: Candidate, needs: Needs): string {
  const { lease } = candidate
  if (needs.privacy === 'local' && !candidate.isOwn) return 'only the own node may see it'
  if (needs.privacy === 'trusted' && !candidate.hasBond) return 'it has no bond'
  if (needs.regions !== undefined && !needs.regions.includes(lease.region)) return 'another region, or none declared'
  if (costMaxWei(candidate, needs.tokensMax) > needs.budgetWei) return 'too dear'
  if (lease.isPaused) return 'paused'
  return ''
}

export function costMaxWei({ weiPerKiloToken }: Pick<Candidate, 'weiPerKiloToken'>, tokensMax: number): bigint {
  return (weiPerKiloToken * BigInt(tokensMax) + 999n) / 1000n
}

export interface Choosing {
  runningOn: (peerId: PeerId) => number
  expectedMs: (peerId: PeerId) => number
  /** Jobs of ours it may have at once by what it has shown. */
  windowOf: (peerId: PeerId) => number
  /** In [0, 1). */
  random: () => number
}

/** Of the jobs, what those get at most who have answered nothing yet, however many they are. */
const newcomersShare = 0.25

/**
 * Power of two choices (Mitzenmacher 2001) over the expected wait: of two drawn by standing the one that should answer
 * sooner. It herds nobody onto the fastest node, and newcomers get their share; a second try goes to none of them while there is
 * anybody else. Undefined while all are full.
 */
export function chooseCandidate(
  candidates: readonly Candidate[],
  needs: Needs,
  choosing: Choosing,
): PeerId | undefined {
  const open = candidates
    .filter((candidate) => refusalOf(candidate, needs) === '')
    .filter((candidate) => choosing.runningOn(candidate.peerId) < roomOf(candidate, choosing))
  for (const rank of [isFresh, isUntried, () => true]) {
    const all = open.filter((candidate) => rank(candidate, needs))
    if (all.length === 0) continue
    const ranked = knownOrNew(all, needs, choosing)
    const first = draw(ranked, choosing.random)
    const second = draw(ranked, choosing.random)
    return waitMs(first, choosing) <= waitMs(second, choosing) ? first.peerId : second.peerId
  }
  return undefined
}

/** What its lease promises, as far as it has shown it. */
function roomOf({ peerId, lease, isOwn }: Candidate, { windowOf }: Choosing): number {
  return Math.max(1, isOwn ? lease.inferenceSlots : Math.min(lease.inferenceSlots, windowOf(peerId)))
}

function knownOrNew(candidates: readonly Candidate[], { tried }: Needs, { random }: Choosing): readonly Candidate[] {
  const known = candidates.filter(({ hasAnswered }) => hasAnswered)
  if (known.length === 0 || known.length === candidates.length) return candidates
  const isNewcomersTurn = tried.size === 0 && random() < newcomersShare
  return isNewcomersTurn ? candidates.filter(({ hasAnswered }) => !hasAnswered) : known
}

function isUntried({ peerId }: Candidate, { tried }: Needs): boolean {
  return !tried.has(peerId)
}

function isFresh(candidate: Candidate, needs: Needs): boolean {
  return isUntried(candidate, needs) && !candidate.hasFailed
}

/** Our own jobs there are known at once; what others have given it, since its last lease. */
function waitMs(candidate: Candidate, choosing: Choosing): number {
  const { runningOn, expectedMs } = choosing
  const { peerId, lease } = candidate
  const others = Math.max(0, lease.inferenceSlots - lease.inferenceSlotsFree) / Math.max(1, lease.inferenceSlots)
  const ours = runningOn(peerId) / roomOf(candidate, choosing)
  return expectedMs(peerId) * (1 + Math.max(ours, others))
}

function draw(candidates: readonly Candidate[], random: () => number): Candidate {
  const total = candidates.reduce((sum, { score }) => sum + score, 0)
  let left = random() * total
  for (const candidate of candidates) {
    left -= candidate.score
    if (left < 0) return candidate
  }
  return candidates.at(-1)!
}
