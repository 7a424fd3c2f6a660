/** What a job would take: who could do it, what they ask, how soon. Nothing is reserved. */
import type { ItemWork, JobTerms, PrivacyLabel, QuoteView, SubmitRequest } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { type Candidate, costMaxWei, needsOf, refusalOf } from './candidates.ts'
import type { Latencies } from './latency.ts'
import { completionTokensMax, promptTokensMax } from './work-size.ts'

export interface QuoteDependencies {
  candidates: (model: string) => Promise<{ modelId: string; name: string; candidates: () => Candidate[] }>
  latencies: Latencies
  runningOn: (peerId: PeerId) => number
  priceMaxWei: bigint
}

const meanings: Readonly<Record<PrivacyLabel, string>> = {
  public: 'any node of the swarm may see the prompt and the answer',
  trusted: 'nodes with a bond on the chain see the prompt and the answer; a bond is a pledge, and no secrecy',
  local: "only the coordinator's own node sees the prompt and the answer",
}

/** @throws {ERR_NOT_FOUND} for an unknown model {ERR_NO_SOURCE} where nobody can do it under these terms */
export async function quoteJob({ work, terms = {} }: SubmitRequest, deps: QuoteDependencies): Promise<QuoteView> {
  const label = terms.privacy ?? 'public'
  const privacy = { label, meaning: meanings[label] }
  const free = { priceWei: { min: '0', max: '0' }, promptTokens: 0, completionTokensMax: 0, nodes: [], privacy }
  if (work.kind === 'pull')
    return { ...free, model: work.model, plan: [`fetch ${work.model} into the own shard, from all who hold it`] }
  if (work.kind === 'workflow')
    return { ...free, plan: ['run the steps of the graph; each prompt is a job of its own, priced when it is reached'] }
  if (work.kind === 'batch') {
    const quotes = await Promise.all(
      work.items.slice(0, quotedItemsMax).map(({ work: item }) => quoteItem(item, terms, deps)),
    )
    return batchOf(work.items.length, quotes, privacy)
  }
  return quoteItem(work, terms, deps)
}

/** Of a long batch the first items stand for all: a quote is an estimate, and must not take long. */
const quotedItemsMax = 100

async function quoteItem(work: ItemWork, terms: JobTerms, deps: QuoteDependencies): Promise<QuoteView> {
  const { modelId, name, candidates } = await deps.candidates(work.model)
  const promptTokens = promptTokensMax(work)
  const completionTokens = completionTokensMax(work)
  const tokensMax = promptTokens + completionTokens
  const budgetWei = terms.maxPriceWei === undefined ? deps.priceMaxWei : BigInt(terms.maxPriceWei)
  const needs = { ...needsOf(terms), budgetWei, tokensMax, tried: new Set<PeerId>() }
  const all = candidates()
  const fitting = all.filter((candidate) => refusalOf(candidate, needs) === '')
  if (fitting.length === 0) {
    const why = [...new Set(all.map((candidate) => refusalOf(candidate, needs)))].join(', ')
    const reason = all.length === 0 ? 'no node answers prompts of it now' : `none of ${all.length} nodes fits: ${why}`
    throw new HartonomousError('ERR_NO_SOURCE', { subject: `answers of ${name}`, reason })
  }
  const nodes = fitting.map((candidate) => nodeOf(candidate, deps)).sort((a, b) => a.queueEtaMs - b.queueEtaMs)
  const prices = fitting
    .map((candidate) => costMaxWei(candidate, tokensMax))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const label = terms.privacy ?? 'public'
  return {
    model: name,
    modelId,
    plan: [
      `one of ${fitting.length} nodes answers; the next one takes over where it fails`,
      ...(terms.hedge === false
        ? []
        : ['a second node is asked where the first is slow to begin; the faster one is paid for']),
    ],
    nodes,
    priceWei: { min: String(prices[0]), max: String(prices.at(-1)) },
    promptTokens,
    completionTokensMax: completionTokens,
    etaMs: nodes[0]!.queueEtaMs,
    privacy: { label, meaning: meanings[label] },
  }
}

function nodeOf(candidate: Candidate, { latencies, runningOn }: QuoteDependencies): QuoteView['nodes'][number] {
  const { peerId, lease, weiPerKiloToken } = candidate
  const busy = Math.max(runningOn(peerId), lease.inferenceSlots - lease.inferenceSlotsFree)
  const queueEtaMs = Math.round(latencies.expectedMs(peerId) * (1 + busy / Math.max(1, lease.inferenceSlots)))
  const reason = busy === 0 ? 'idle' : `${busy} of ${lease.inferenceSlots} slots taken`
  return { peerId, reason, weiPerKiloToken: String(weiPerKiloToken), queueEtaMs }
}

function batchOf(items: number, quotes: readonly QuoteView[], privacy: QuoteView['privacy']): QuoteView {
  const scale = (of: (quote: QuoteView) => bigint) =>
    (quotes.reduce((sum, quote) => sum + of(quote), 0n) * BigInt(items)) / BigInt(quotes.length)
  const estimated = items > quotes.length ? [`prices are those of the first ${quotes.length} items, scaled`] : []
  return {
    plan: [`${items} jobs, each on the node that suits it when its turn comes`, ...estimated],
    nodes: quotes[0]!.nodes,
    priceWei: { min: String(scale((q) => BigInt(q.priceWei.min))), max: String(scale((q) => BigInt(q.priceWei.max))) },
    promptTokens: Number(scale((q) => BigInt(q.promptTokens))),
    completionTokensMax: Number(scale((q) => BigInt(q.completionTokensMax))),
    privacy,
  }
}
