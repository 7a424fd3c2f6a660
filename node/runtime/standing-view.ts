/** The standing of a peer as the control API shows it: every number that its score is made of. */
import type { StandingView } from '#protocol/api/control.ts'
import type { PeerId } from '#protocol/ids.ts'
import { groupOf, type Standing } from '../standing/index.ts'

export function viewStanding(standing: Standing, peerId: PeerId): StandingView {
  const { score, earned, evidence, record, chain } = standing.explain(peerId)
  const { bytes, tokens, wrongBytes, brokenPromises, brokenProtocol } = record
  return {
    score,
    group: groupOf(score),
    earned,
    evidence,
    seen: { bytes, tokens, wrongBytes, brokenPromises, brokenProtocol },
    chain:
      chain?.state === 'bound'
        ? { ...chain, stakeWei: String(chain.stakeWei), incomeWei: String(chain.incomeWei) }
        : { state: chain?.state ?? 'none' },
  }
}
