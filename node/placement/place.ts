/**
 * What an empty home node should hold: a pure decision from what is known about the swarm.
 *
 * Rarest first, as in BitTorrent, but over components: a model's copy count is the sum over live leases of the share they
 * hold, so that two halves count as one copy. A floor of `copiesFloor` copies of everything comes before any further copy of
 * anything (networks.md 6: "at least 3 holders as a floor"); beyond it, the least replicated per byte goes first.
 */
import type { ModelId, PeerId } from '#protocol/ids.ts'
import type { ComponentKind } from '#protocol/query/message.ts'

/** A loss of two home nodes at once should not lose a component. */
export const copiesFloor = 3

export interface PlacementModel {
  modelId: ModelId
  name: string
  publisher: PeerId
  licence: string
  sizeBytes: number
  /** Of other nodes: shares of the model held, each in 0..1, by live leases; 0 for one that only announces it in the DHT. */
  holderShares: number[]
  /** Held by us. */
  heldBytes: number
  /** Owner pulled or pinned it: never evicted. */
  isPinned: boolean
  /** A user's own file: not part of the pledge. */
  isOwnFile: boolean
  lastUsedAtMs: number
}

export interface PlacementPolicy {
  models: { allow: string[]; block: string[] }
  publishers: { allow: string[]; block: string[] }
  licences: { allow: string[]; block: string[] }
}

export type PlacementDecision =
  | { action: 'keep'; modelId: ModelId; name: string; reason: string }
  | { action: 'fetch'; modelId: ModelId; name: string; budgetBytes: number; reason: string }
  | { action: 'evict'; modelId: ModelId; name: string; reason: string }
  | { action: 'skip'; modelId: ModelId; name: string; reason: string }

/** Why policy refuses a release; `undefined` when it is accepted. */
export function policyRefusal(
  release: { modelId: string; name: string; publisher: string; licence: string },
  policy: PlacementPolicy,
): string | undefined {
  const rules: [string, { allow: string[]; block: string[] }, string[]][] = [
    ['model', policy.models, [release.modelId, release.name]],
    ['publisher', policy.publishers, [release.publisher]],
    ['licence', policy.licences, [release.licence]],
  ]
  for (const [what, { allow, block }, values] of rules) {
    if (values.some((value) => block.includes(value))) return `its ${what} is on the block list`
    if (allow.length > 0 && !values.some((value) => allow.includes(value)))
      return `its ${what} is not on the allow list`
  }
  return undefined
}

export function copiesOf(model: { holderShares: readonly number[] }): number {
  return model.holderShares.reduce((sum, share) => sum + share, 0)
}

/**
 * Decisions for all models, most urgent first. `pledgeBytes` bounds what fetched (not user-owned) models may take;
 * `random` breaks ties so that nodes that start together choose differently.
 */
export function decidePlacement(
  models: readonly PlacementModel[],
  options: { pledgeBytes: number; policy: PlacementPolicy; random: () => number },
): PlacementDecision[] {
  const { pledgeBytes, policy, random } = options
  const decisions: PlacementDecision[] = []
  const candidates: (PlacementModel & { copies: number; tie: number })[] = []
  let usedBytes = 0
  for (const model of models) {
    const refusal = policyRefusal(model, policy)
    const label = { modelId: model.modelId, name: model.name }
    if (model.isOwnFile) decisions.push({ action: 'keep', ...label, reason: 'your own file' })
    else if (model.isPinned) {
      usedBytes += model.heldBytes
      decisions.push({ action: 'keep', ...label, reason: 'you asked for it' })
    } else if (refusal !== undefined) {
      decisions.push(
        model.heldBytes > 0
          ? { action: 'evict', ...label, reason: refusal }
          : { action: 'skip', ...label, reason: refusal },
      )
    } else candidates.push({ ...model, copies: copiesOf(model), tie: random() })
  }
  candidates.sort((a, b) => rank(a) - rank(b) || a.copies - b.copies || a.tie - b.tie)
  let freeBytes = Math.max(0, pledgeBytes - usedBytes)
  for (const urgency of [0, 1, 2]) {
    const models = candidates.filter((model) => rank(model) === urgency)
    // Within a rank what is held stays as it is before anything grows: a model gives way only to one of a more urgent rank,
    // so that two models of about equal rarity do not take turns on the disk.
    const kept = new Map<ModelId, number>()
    for (const { modelId, heldBytes } of models) {
      const keptBytes = heldBytes <= freeBytes ? heldBytes : 0
      kept.set(modelId, keptBytes)
      freeBytes -= keptBytes
    }
    for (const model of models.toSorted((a, b) => Number(b.heldBytes > 0) - Number(a.heldBytes > 0))) {
      const keptBytes = kept.get(model.modelId)!
      const grantBytes = keptBytes < model.heldBytes ? 0 : Math.min(model.sizeBytes, keptBytes + freeBytes)
      const decision = decideOne(model, grantBytes, pledgeBytes)
      decisions.push(decision)
      if (decision.action === 'fetch') freeBytes -= grantBytes - keptBytes
    }
  }
  return decisions
}

/** 0 below one copy (in danger), 1 below the floor, 2 above. */
function rank(model: { copies: number }): number {
  if (model.copies < 1) return 0
  return model.copies < copiesFloor ? 1 : 2
}

function decideOne(
  model: PlacementModel & { copies: number },
  grantBytes: number,
  pledgeBytes: number,
): PlacementDecision {
  const label = { modelId: model.modelId, name: model.name }
  const copies = `${model.copies.toFixed(1)} other ${model.copies === 1 ? 'copy' : 'copies'}`
  if (model.heldBytes > grantBytes) {
    const isLowered = model.heldBytes > pledgeBytes
    const reason = isLowered ? 'it is more than the pledge' : `rarer parts need the room; ${copies} exist`
    return { action: 'evict', ...label, reason }
  }
  if (grantBytes <= model.heldBytes) {
    if (model.heldBytes > 0) return { action: 'keep', ...label, reason: `${copies} exist` }
    const reason = pledgeBytes === 0 ? 'no disk is pledged' : 'the pledge is full'
    return { action: 'skip', ...label, reason }
  }
  if (model.holderShares.length === 0) return { action: 'skip', ...label, reason: 'nobody who holds it is reachable' }
  const share = grantBytes < model.sizeBytes ? `; ${Math.round((100 * grantBytes) / model.sizeBytes)} % of it fits` : ''
  const why =
    model.copies < 1 ? 'in danger' : model.copies < copiesFloor ? `below ${copiesFloor} copies` : 'least copied'
  return { action: 'fetch', ...label, budgetBytes: grantBytes, reason: `${why}: ${copies} exist${share}` }
}

export interface PlacementComponent {
  key: string
  kind: ComponentKind
  layer?: number
  chunkIndexes: number[]
  sizeBytes: number
  /** Of these, here already. */
  heldBytes: number
}

/**
 * Which components of one model to fetch into `budgetBytes` of further room: the header first, because nothing can be read
 * without it, then those that were begun, then the rarest (least average holders per chunk), ties by chance. Whole
 * components only; those that are here do not count.
 */
export function chooseComponents(
  components: readonly PlacementComponent[],
  holdersByChunk: Uint16Array,
  budgetBytes: number,
  random: () => number,
): PlacementComponent[] {
  const urgency = (component: PlacementComponent) => (component.key === 'header' ? 0 : component.heldBytes > 0 ? 1 : 2)
  const ranked = components
    .filter((component) => component.heldBytes < component.sizeBytes)
    .map((component) => ({
      component,
      urgency: urgency(component),
      holders:
        component.chunkIndexes.reduce((sum, index) => sum + (holdersByChunk[index] ?? 0), 0) /
        Math.max(1, component.chunkIndexes.length),
      tie: random(),
    }))
  ranked.sort((a, b) => a.urgency - b.urgency || a.holders - b.holders || a.tie - b.tie)
  const chosen: PlacementComponent[] = []
  let left = budgetBytes
  for (const { component } of ranked) {
    const missingBytes = component.sizeBytes - component.heldBytes
    if (missingBytes > left) continue
    left -= missingBytes
    chosen.push(component)
  }
  return chosen
}
