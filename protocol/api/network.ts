/** The swarm as a coordinator sees it. Every entry says where it comes from and how old it is. Times in ms, sizes in bytes. */
import { z } from 'zod'

/** Where a figure comes from. */
export const source = z.enum(['lease', 'dht', 'chain', 'probe', 'own'])
export type Source = z.infer<typeof source>

const count = z.int().min(0)
/** Decimal digits of wei. */
const wei = z.string()

export const nodeView = z.object({
  peerId: z.string(),
  state: z
    .enum(['ready', 'alive', 'busy', 'paused', 'unreachable', 'stale'])
    .describe(
      '`ready`: a probe was answered. `alive`: its lease is live, no probe yet. `busy`: no slot is free. `paused`: by its ' +
        'owner. `unreachable`: its lease is live and probes fail. `stale`: the lease ran out less than one lease ago; then it is gone.',
    ),
  reason: z.string().describe('Why, in one sentence.'),
  sinceMs: z.number(),
  source,
  ageMs: z.number().describe('Since its lease came.'),
  version: z.string(),
  region: z.string().describe('As its owner declared it, ISO 3166-1 alpha-2, or empty: nothing is looked up.'),
  models: z.array(
    z.object({
      modelId: z.string(),
      name: z.string().exactOptional(),
      heldChunks: count,
      chunkCount: count,
      canInfer: z.boolean(),
    }),
  ),
  load: z.number(),
  inferenceSlots: count,
  inferenceSlotsFree: count,
  uploadBytesPerSecond: z.number(),
  diskFreeBytes: z.number(),
  isDataReachable: z.boolean(),
  rttMs: z.number().exactOptional(),
  probe: z
    .object({
      atMs: z.number(),
      ok: z.boolean(),
      latencyMs: z.number().exactOptional(),
      error: z.string().exactOptional(),
    })
    .exactOptional()
    .describe('Measured by the last probe.'),
  price: z.object({ weiPerGiB: wei, weiPerKiloToken: wei }).exactOptional(),
  stake: z
    .object({ payee: z.string(), bondWei: wei, isBound: z.boolean(), readAtMs: z.number() })
    .exactOptional()
    .describe('From the chain; absent where the coordinator is on none, or the node has no stake.'),
  score: z.number().describe("0 to 1 as this coordinator's own experience and the chain have it."),
  speed: z
    .object({ tokensPerSecond: z.number(), atMs: z.number() })
    .exactOptional()
    .describe('Measured: of its last answer to a job of this coordinator, behind the first token.'),
})
export type NodeView = z.infer<typeof nodeView>

const share = z.number()
/** A node with what its score is made of: the sum of what it earned, at most 1, times what evidence has left of it. */
export const nodeDetail = nodeView.extend({
  standing: z.object({
    earned: z
      .object({ newcomer: share, work: share, stake: share, income: share })
      .describe('Summands: everybody, verified work, what a slash could take, income on the chain.'),
    evidence: z
      .object({
        wrongBytes: share,
        brokenPromises: share,
        brokenProtocol: share,
        equivocations: share,
        disputesLost: share,
      })
      .describe('Factors: 1 where nothing was found.'),
  }),
})
export type NodeDetail = z.infer<typeof nodeDetail>

export const swarmModelView = z.object({
  modelId: z.string(),
  name: z.string(),
  publisher: z.string(),
  licence: z.string(),
  sizeBytes: z.number(),
  source,
  ageMs: z.number(),
  holders: count.describe('Nodes that hold some of it.'),
  wholeHolders: count.describe('Nodes that hold all of it.'),
  answerers: count.describe('Nodes that answer prompts with it.'),
  weiPerKiloToken: z
    .object({ min: wei, max: wei })
    .exactOptional()
    .describe('Of the cheapest and the dearest node that answers.'),
})
export type SwarmModelView = z.infer<typeof swarmModelView>

/** By layer: how many nodes hold it, so that rare parts are seen. */
export const coverageView = z.object({
  modelId: z.string(),
  name: z.string(),
  parts: z
    .array(
      z.object({
        key: z.string(),
        kind: z.string(),
        layer: count.exactOptional(),
        sizeBytes: z.number(),
        holders: count,
      }),
    )
    .describe('In the order of the model; `layer` is absent for embedding, head and the like.'),
  holdersMin: count.describe('Of the rarest part.'),
  source,
  countedAtMs: z.number(),
})
export type CoverageView = z.infer<typeof coverageView>

const revision = z
  .number()
  .describe('Grows with each change, over restarts too: it begins at the microseconds of the clock.')

export const networkTotals = z.object({
  nodes: count,
  nodesReady: count,
  models: count.describe('That somebody offers, held or not.'),
  modelsWhole: count.describe('One node holds all of it, or the last count of its parts found a holder of each.'),
  modelsPartial: count.describe('Nodes hold some of it, and not all of it was found.'),
  heldBytes: z.number().describe('Of models whose size is known, over all nodes by their leases; copies count each.'),
  inferenceSlots: count,
  inferenceSlotsFree: count,
  uploadBytesPerSecond: z.number(),
  tokensPerSecond: z
    .number()
    .exactOptional()
    .describe(
      'Of the answers to jobs of this coordinator that ended in the last minute; absent where there were none.',
    ),
  stakedWei: wei.exactOptional().describe('Bonds behind the nodes, each payee once; absent where none was seen.'),
  jobsRunning: count,
  jobsToday: count,
})
export type NetworkTotals = z.infer<typeof networkTotals>

const eventSeq = z.number().describe('Of the last event of the network; 0 before the first.')

export const networkSnapshot = z.object({
  revision,
  takenAtMs: z.number(),
  leaseTtlMs: z.number(),
  eventSeq,
  nodes: z.array(nodeView),
  totals: networkTotals,
})
export type NetworkSnapshot = z.infer<typeof networkSnapshot>

/** What became of a snapshot since: a page that has one reads this, and not the MiBs of all nodes anew. */
export const networkChanges = z.object({
  revision,
  takenAtMs: z.number(),
  eventSeq,
  isComplete: z.boolean().describe('False where it is not known, or most of them changed: read the snapshot.'),
  nodes: z.array(nodeView).describe('New, or not as they were.'),
  ages: z.record(z.string(), z.number()).describe('`ageMs` of nodes whose lease came anew and says the same.'),
  gone: z.array(z.string()).describe('Peer ids of those that are not shown any more.'),
  totals: networkTotals,
})
export type NetworkChanges = z.infer<typeof networkChanges>

const named = { seq: z.number(), atMs: z.number() }
const ofNode = { ...named, peerId: z.string(), region: z.string() }
const ofModel = { ...named, modelId: z.string(), name: z.string() }

/** What happened in the swarm, as this coordinator noticed it. */
export const networkEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('node-joined'), ...ofNode, state: nodeView.shape.state }),
  z.object({ type: z.literal('node-left'), ...ofNode }),
  z
    .object({
      type: z.literal('node-state'),
      ...ofNode,
      from: nodeView.shape.state,
      to: nodeView.shape.state,
      reason: z.string(),
    })
    .describe('Not between ready and busy: that is how jobs come and go.'),
  z.object({ type: z.literal('model-appeared'), ...ofModel }),
  z
    .object({ type: z.literal('model-copies'), ...ofModel, from: count, to: count })
    .describe('Nodes that hold all of it, where that crosses two: below it, one node that stops takes it away.'),
  z
    .object({
      type: z.literal('part-rare'),
      ...ofModel,
      part: z.string(),
      layer: count.exactOptional(),
      holders: count,
    })
    .describe('Fewer than two nodes hold that part, and two did when it was counted before.'),
])
export type NetworkEvent = z.infer<typeof networkEvent>

/** A node's signed statement, as the coordinator keeps it; `receipt` and `signature` are enough to check it anywhere. */
export const receiptView = z.object({
  jobId: z.string(),
  attempt: count,
  peerId: z.string(),
  atMs: z.number(),
  kind: z.enum(['infer', 'chunk']),
  dueWei: wei,
  promptTokens: count,
  completionTokens: count,
  receipt: z.record(z.string(), z.union([z.string(), z.number()])).describe('EIP-712 message.'),
  signature: z.string().describe('Hex, 65 bytes.'),
})
export type ReceiptView = z.infer<typeof receiptView>

/** The bond behind a node, as the chain had it at `readAtMs`. */
export const stakeEntry = z.object({
  peerId: z.string(),
  payee: z.string(),
  bondWei: wei,
  isBound: z.boolean().describe('Lease and chain name each other.'),
  readAtMs: z.number(),
})
export type StakeEntry = z.infer<typeof stakeEntry>

/** News of the swarm and of the caller's own jobs. What changed is read where it stands: an event may be missed. */
export const changeEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('network'), revision: z.number() }),
  z.object({ type: z.literal('job'), jobId: z.string() }),
  z.object({ type: z.literal('reset') }).describe('Events were missed: read everything anew.'),
])
export type ChangeEvent = z.infer<typeof changeEvent>
