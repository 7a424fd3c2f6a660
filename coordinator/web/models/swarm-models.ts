/** The list of models as somebody wants to see it: which of them, and in which order. */
import type { SwarmModelView } from '#protocol/api/network.ts'
import type { ModelSort, ModelsSearch } from './search.ts'

/** What one looks for first: the largest, those that most answer, the cheapest, and the copies that are fewest. */
const orders: Readonly<Record<ModelSort, 'asc' | 'desc'>> = {
  name: 'asc',
  size: 'desc',
  holders: 'asc',
  answerers: 'desc',
  price: 'asc',
  age: 'asc',
}

export function orderOf({ sort = 'name', order }: ModelsSearch): 'asc' | 'desc' {
  return order ?? orders[sort]
}

export function chosenModels(models: readonly SwarmModelView[], search: ModelsSearch): SwarmModelView[] {
  const { sort = 'name', show = 'all', find = '' } = search
  const words = find.toLowerCase().split(/\s+/)
  const isShown = ({ name, publisher, licence, modelId, answerers, wholeHolders }: SwarmModelView) => {
    const text = `${name} ${publisher} ${licence} ${modelId}`.toLowerCase()
    if (show === 'answered' && answerers === 0) return false
    if (show === 'scarce' && wholeHolders > 1) return false
    return words.every((word) => text.includes(word))
  }
  const sign = orderOf(search) === 'asc' ? 1 : -1
  return models
    .filter(isShown)
    .sort((a, b) => sign * compare[sort](a, b) || a.name.localeCompare(b.name) || (a.modelId < b.modelId ? -1 : 1))
}

const compare: Readonly<Record<ModelSort, (a: SwarmModelView, b: SwarmModelView) => number>> = {
  name: (a, b) => a.name.localeCompare(b.name),
  size: (a, b) => a.sizeBytes - b.sizeBytes,
  holders: (a, b) => a.wholeHolders - b.wholeHolders || a.holders - b.holders,
  answerers: (a, b) => a.answerers - b.answerers,
  price: (a, b) => byWei(priceOf(a), priceOf(b)),
  age: (a, b) => a.ageMs - b.ageMs,
}

/** Undefined where nobody says what an answer costs. */
function priceOf({ weiPerKiloToken }: SwarmModelView): bigint | undefined {
  return weiPerKiloToken === undefined ? undefined : BigInt(weiPerKiloToken.min)
}

function byWei(a: bigint | undefined, b: bigint | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1
  return a < b ? -1 : a > b ? 1 : 0
}
