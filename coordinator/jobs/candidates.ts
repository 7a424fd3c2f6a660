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
  /** In [0, 1). */
  random: () => number
}

/**
 * Power of two choices (Mitzenmacher 2001) over the expected wait: of two drawn by standing the one that should answer
 * sooner. It herds nobody onto the fastest node, and newcomers get their share. Undefined while all are full.
 */
export function chooseCandidate(
  candidates: readonly Candidate[],
  needs: Needs,
  choosing: Choosing,
): PeerId | undefined {
  const open = candidates
    .filter((candidate) => refusalOf(candidate, needs) === '')
    .filter(({ peerId, lease }) => choosing.runningOn(peerId) < Math.max(1, lease.inferenceSlots))
  for (const rank of [isFresh, isUntried, () => true]) {
    const ranked = open.filter((candidate) => rank(candidate, needs))
    if (ranked.length === 0) continue
    const first = draw(ranked, choosing.random)
    const second = draw(ranked, choosing.random)
    return waitMs(first, choosing) <= waitMs(second, choosing) ? first.peerId : second.peerId
  }
  return undefined
}

function isUntried({ peerId }: Candidate, { tried }: Needs): boolean {
  return !tried.has(peerId)
}

function isFresh(candidate: Candidate, needs: Needs): boolean {
  return isUntried(candidate, needs) && !candidate.hasFailed
}

/** Our own jobs there are known at once; what others have given it, since its last lease. */
function waitMs({ peerId, lease }: Candidate, { runningOn, expectedMs }: Choosing): number {
  const busy = Math.max(runningOn(peerId), lease.inferenceSlots - lease.inferenceSlotsFree)
  return expectedMs(peerId) * (1 + busy / Math.max(1, lease.inferenceSlots))
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
