/**
 * Every numeric limit that a peer, a file or a caller could push, in one place, each with its arithmetic.
 * Relations between them are asserted at load (at the end).
 */
import { day, GiB, hour, KiB, MiB, minute, second, TiB } from './units.ts'

// ---- chunks and blocks -------------------------------------------------------------------------------------------

/** Unit of verification. 1 MiB: a 20 GiB model has 20,480 leaves, 640 KiB of hashes; at 100 Mbit/s a chunk takes 84 ms. */
export const chunkBytes = MiB
/** Unit of a request: a sub-range of one chunk, or a run of tiny chunks. 256 KiB at 1 Mbit/s is 2 s: a slow peer still helps. */
export const blockBytesMax = 256 * KiB
/** Ranges in one chunk request. 64 tiny extents (norms of 0.5-16 KiB) fit into one block. */
export const rangesPerRequestMax = 64
/** Bytes of one chunk request frame: header 12, per range 32 + 8 + 4; rounded up. */
export const chunkRequestBytesMax = 4 * KiB
/** Body of a chunk ping: one 64-bit time. */
export const pingBodyBytesMax = 8
/** Requests that one connection may have queued at the server: 64 blocks of 256 KiB are 16 MiB, the largest useful window (1 Gbit/s x 130 ms). */
export const queuedRequestsPerConnectionMax = 64
/** Data connections that a node accepts at once; each may hold 2 blocks in memory: 256 x 512 KiB = 128 MiB at worst. */
export const dataConnectionsMax = 256
/** Data connections from one peer. */
export const dataConnectionsPerPeerMax = 4
/** A one-time token of an offer must be used within this time. */
export const offerTokenTtlMs = 30 * second
/** Offer tokens waiting to be used: bounds the map that peers fill. */
export const offerTokensMax = 1024
/** A source that sends nothing for this long while it owes us blocks is given up. */
export const sourceStallMs = 15 * second
/** How long a peer that was shown to have sent wrong bytes stays banned. */
export const peerBanMs = 24 * hour
/** Bans that are remembered, oldest out. */
export const bannedPeersMax = 4096
/** Bytes fetched but not yet flushed and recorded: after a kill at most these are fetched again. */
export const flushBatchBytes = 16 * MiB

// ---- model identity ----------------------------------------------------------------------------------------------

/** Root block of a model: stays well under what every bitswap peer accepts (2 MiB); larger tables are linked. */
export const contentRootBytesMax = 256 * KiB
/** Any other published block. */
export const publishedBlockBytesMax = MiB
/** Leaves in one leaf block: 16,384 x 32 bytes = 512 KiB, 16 GiB of model. */
export const leavesPerBlock = 16_384
/** Extents in one linked table block: 2,048 x ~150 bytes = 300 KiB. */
export const extentsPerTable = 2048
/** Files of one model: split GGUF files are named 00001-of-99999, real ones have < 100. */
export const filesPerModelMax = 1024
/** Tensors + gaps + headers of one model. DeepSeek-class models with split experts have < 100,000. */
export const extentsPerModelMax = 100_000
/** Bytes of one model, all files together. 2^53 would be the limit of numbers; 16 TiB is above anything published. */
export const modelBytesMax = 16 * TiB
/** Length of a tensor name in UTF-8 bytes. GGUF's own limit is 64; other writers exceed it. */
export const tensorNameBytesMax = 256
export const tensorDimensionsMax = 8
/** Name of a tensor's number format: `IQ2_XXS` and the like. */
export const dtypeBytesMax = 32
/** Name of a release, as in `hart run NAME`. */
export const releaseNameBytesMax = 128
/** SPDX expressions with a few operands; longer ones become a `LicenseRef-`. */
export const licenceBytesMax = 256
/** Tokenizer family or chat template inside a release, which has 16 KiB in all. */
export const tokenizerBytesMax = 8 * KiB
/** Encoded size of a signed release. */
export const releaseBytesMax = 16 * KiB

// ---- GGUF header -------------------------------------------------------------------------------------------------

/** Header of a model file: vocabularies of 256k tokens with merges take 10-20 MiB. */
export const ggufHeaderBytesMax = 256 * MiB
export const ggufKeyValuesMax = 65_536
export const ggufArrayItemsMax = 16 * 1024 * 1024
export const ggufStringBytesMax = 16 * MiB
export const ggufArrayDepthMax = 4
/** Of a metadata key. The format allows 65,535; real keys have < 80. */
export const ggufKeyBytesMax = 1024
/** Keys and values of one file's metadata that are kept in memory and in the store; long arrays and strings are counted, not kept. */
export const ggufMetaBytesMax = 4 * MiB
/** Arrays of up to so many items are kept (per-layer settings: 126 layers is the most published). */
export const ggufArrayItemsKeptMax = 512
/** A longer text is replaced by its length. Chat templates take 1-20 KiB. */
export const ggufStringBytesKeptMax = 256 * KiB
/** Alignment of the tensor data; real files have 32, and page-aligned ones 4,096. */
export const ggufAlignmentMax = MiB
/** Tokens whose texts are compared with one another; the largest published vocabulary has 262,208. */
export const vocabularyTokensMax = MiB
/** Bytes of all those texts: 1 Mi tokens of 16 bytes. */
export const vocabularyBytesMax = 16 * MiB

// ---- looking into tensors ----------------------------------------------------------------------------------------

/** Values of one answer: 1 Mi numbers are some 20 MiB of JSON. A row of a vocabulary head has 262,208 at most. */
export const peekValuesMax = 1024 * 1024
/** Elements decoded at once: 1 MiB of f32 stays in a core's cache. */
export const peekBlockElements = 256 * KiB
/** Rows and columns of a heat map, and bins of a histogram: what a screen shows. */
export const peekGridRowsMax = 96
export const peekGridColumnsMax = 160
export const peekBins = 64
/** Rows and elements of the sample whose spectrum is estimated: 4 Mi f32 are 16 MiB, 0.1 s. */
export const peekSampleRowsMax = 256
export const peekSampleElementsMax = 4 * 1024 * 1024
/** Looks into tensors at one time, each in a thread of its own; the next one gets 429. */
export const peeksMax = 2

// ---- control plane -----------------------------------------------------------------------------------------------

/** Frame of a control protocol (catalogue, have, data-offer, heartbeat). */
export const controlFrameBytesMax = 256 * KiB
/** Nesting of a DAG-CBOR message; our deepest (infer, content root) has 5. The decoder recurses, so this bounds its stack. */
export const cborDepthMax = 16
/** Frame of the infer protocol: a prompt of 1 MiB is 250k tokens; 4 MiB leaves room for hidden states of one prefill part. */
export const inferFrameBytesMax = 4 * MiB
/** Releases in one page of a catalogue: 16 x 16 KiB = 256 KiB, one control frame. */
export const releasesPerPageMax = 14
/** Releases that a node remembers from others, oldest out first. */
export const releasesKnownMax = 10_000
/** Releases taken from one peer: bounds what a flooding peer can push out of the table above. */
export const releasesPerPeerMax = 1000
/** Releases of one model, own ones apart: bounds what fresh publisher keys can heap upon a model that is held here. */
export const releasesPerModelMax = 64
/** Models that one heartbeat may name. */
export const modelsPerHeartbeatMax = 64
/** Bits of one have-frame: 1 Mi chunks = 1 TiB of model, 128 KiB. */
export const haveBitsMax = 1024 * 1024
/** Chunk indexes in one have-delta: 5 bytes each at most, 160 KiB. */
export const haveDeltaIndexesMax = 32_768
/** Encoded lease with its signature: 64 models of ~130 bytes, twice over. It is gossiped, so each byte goes out many times. */
export const leaseBytesMax = 16 * KiB
/** Addresses in a data offer. */
export const offerHostsMax = 8
/** How long a peer may put us off with one answer. */
export const retryAfterMsMax = hour
/** Catalogue cursor, opaque to its reader. */
export const catalogueCursorBytesMax = 64
/** A lease that is not renewed is dropped. Heartbeats go out every third of it. */
export const leaseTtlMs = 30 * second
/** Peers whose lease is remembered. */
export const leasesKnownMax = 4096
/** By a coordinator, which looks after the whole swarm: some 10 MiB of usual leases, 256 MiB of the longest there can be. */
export const registryLeasesMax = 16_384
/** What happened in the swarm and is still told: an afternoon of a quiet one, < 150 KiB. */
export const networkEventsKeptMax = 500
/** Open streams of one protocol from one peer. */
export const streamsPerPeerMax = 32
/** Open inbound streams of one protocol from all peers: 32 peers that use up theirs; ~10 KiB each at both ends of the port. */
export const streamsPerProtocolMax = 1024
/** Frames in flight over a message port before the sender waits. */
export const portFramesInFlightMax = 16
/** DHT keys that one node announces: one provide costs 40-60 messages, so 256 keys are ~15,000 messages per day. */
export const dhtKeysMax = 256
/** Providers taken from one look-up. */
export const providersPerLookupMax = 20
export const dhtLookupTimeoutMs = 20 * second
export const dhtProvideTimeoutMs = 60 * second
/** Own announce loop: kad-dht forgets after 48 h, we repeat twice a day. */
export const dhtReprovideMs = day / 2
export const controlRequestTimeoutMs = 10 * second
/** Sources of one fetch. More connections than this cost more than they bring. */
export const sourcesPerFetchMax = 16
/** Chunk buffers of one fetch, in assembly or waiting for hash and disk: 64 MiB are 0.21 s (60 ms RTT) at 320 MB/s. */
export const fetchBufferBytesMax = 64 * MiB
export const peerCacheMax = 512
/** Peers seen on the local network that we may dial: a busy office; 64 x 8 addresses of 100 B are 50 KB. */
export const lanPeersMax = 64
/** Addresses remembered for one peer. */
export const addressesPerPeerMax = 8
/** Connections of the control plane; libp2p closes the least useful beyond. ~100 KiB each: 30 MiB. */
export const connectionsMax = 300
/** Bytes of a bridged stream on their way over a message port before the muxer is told to wait. */
export const streamBufferBytesMax = MiB
/** Gossip messages on their way to the main thread; more are dropped. */
export const gossipInFlightMax = 256
/** Peers with a dial report, oldest out first, and attempts in each. */
export const dialReportsMax = 256
export const dialAttemptsMax = 16
/** Provider records that one peer may store here: its own limit under the current and the previous index version. */
export const providerRecordsPerPeerMax = 2 * dhtKeysMax
/** Provider records stored here in all: ~150 bytes each, 8 MiB. */
export const providerRecordsMax = 50_000
/** A block that no connected peer sends within this time is not to be had. */
export const blockFetchTimeoutMs = 30 * second

// ---- standing of peers -------------------------------------------------------------------------------------------

/** Peers of whom a node remembers what they did: ~180 bytes each, one setting of 360 KiB at most. */
export const peerRecordsMax = 2048
/** What a peer did, good or bad, counts half after this time. */
export const standingHalfLifeMs = 14 * day
/** Evidence of one kind against one peer; more would not change its place, and this much has faded to a half in eight weeks. */
export const evidenceMax = 8
/** Payees of whom it is kept what the chain says, least recently asked for out: ~300 bytes each. */
export const payeeFactsMax = 4096
/** Payees that are asked about at a time, and that wait for it: 256 of 8 calls each are a minute of a public service. */
export const payeeReadsMax = 4
export const payeeReadsWaitingMax = 256

// ---- shard database ----------------------------------------------------------------------------------------------

/** Local places of one extent that are looked at: zero-filled gaps and equal norms may occur thousands of times. */
export const localExtentPlacesMax = 64
/** Unfinished ingests remembered, oldest out: 20 GiB of model are 640 KiB of leaves each. */
export const ingestCheckpointsMax = 64
/** Former states of components that are kept, oldest out: ~300 bytes each, 30 MB. */
export const componentHistoryMax = 100_000
/** A pattern for component keys: matching takes (length of key) ^ stars steps at worst, with keys of < 100 characters. */
export const keyPatternStarsMax = 4
export const keyPatternCharactersMax = 256

/** Embedding spaces of one tenant: one per embedding model that it has ever tried. */
export const spacesPerTenantMax = 64
export const spaceNameBytesMax = 128
/** Numbers in a vector: 1,998 x 4 bytes = 7,992 fit SQL Server's VARBINARY(8000) and its VECTOR type. */
export const vectorDimensionMax = 1998
/** Vectors of one put or removal: 10,000 x 1,536 bytes = 15 MiB of the usual ones; 80 MB at worst. */
export const embeddingsPerPutMax = 10_000
/** Hits of one search. */
export const nearestHitsMax = 1000
/** Up to so many rows of a space are searched one by one: 1-2 ms at 384 numbers each. */
export const unindexedRowsMax = 10_000
/** Rows newer than the index before it takes them in: 0.2 ms of each search. */
export const pendingRowsMax = 2048
/** New rows that an index takes in at a time: a minute of one core, after which they are searched through it. */
export const indexStepRowsMax = 250_000
/** Share of an index's entries whose rows may be gone before it is made anew. */
export const deadShareMax = 0.2
/** Rows of a space that are kept in memory for searching one by one: 21,845 x 384 numbers. */
export const vectorCacheBytesMax = 32 * MiB
/** Of all spaces together, least recently searched out. */
export const vectorCachesBytesMax = 128 * MiB
/** Spaces that are ready to be searched, least recently searched out: each a few open files. */
export const openSpacesMax = 256

// ---- queries over models ---------------------------------------------------------------------------------------

/** Key of a component: `decoder.blk.126.expert.4095`, with a stack's name in front. */
export const componentKeyBytesMax = 512
/** Models that one query may name. */
export const queryModelsMax = 16
/** Entries of the other lists of a query. */
export const queryListMax = 16
/** A query as text. */
export const queryTextBytesMax = 4 * KiB
/** Words of a query: 6 make 63 subsets, each a pass over the models that have all of its words. */
export const queryWordsMax = 6
export const queryWordBytesMax = 64
export const queryMetaValueBytesMax = 128
/** Rows of one page: 40 of 6 KB, each with 12 tensors of the longest names, are one control frame. */
export const queryRowsMax = 40
/** Tensors told of one component, the first ones: a router with 512 experts apart has one tensor each. */
export const queryTensorsPerHitMax = 12
export const queryCursorBytesMax = 1024
/** Components and models looked at for one page; then the page ends, and the next one goes on. */
export const queryExaminedMax = 2000
export const queryModelsExaminedMax = 500
/** Components of one walk or closure: the largest models have ~100 in each of ~130 layers, with experts apart ~25,000. */
export const mapComponentsMax = 50_000
export const mapHopsMax = 1000
/** Search terms of one model: words of its names, layers, shapes, short metadata; ~60 bytes each. */
export const searchTermsPerModelMax = 4000
/** A term is counted so far for its weight: beyond it, it is simply common. */
export const searchTermCountMax = 1000
/** Peers asked by one query, and how long for. */
export const queryPeersMax = 16
export const queryPeersTimeoutMs = 5 * second
/** Rows of one answer to the owner, all pages and peers together. */
export const queryTotalRowsMax = 1000
/** Pages taken from one peer for one query. */
export const queryPagesPerPeerMax = 20

// ---- inference and HTTP ------------------------------------------------------------------------------------------

/** Requests waiting for an engine slot; the next one gets 429. */
export const inferenceQueueMax = 16
/** Requests of one peer waiting or running. */
/** Of these, places that peers may take: the rest stays free for programs of the owner. */
export const inferenceQueueForPeersMax = 12
export const inferenceQueuePerPeerMax = 4
export const inferenceTokensMax = 32_768
/** Answer of a chat that names no limit: some 750 words. */
export const chatTokensDefault = 1024
/** Answer of a completion that names no limit: OpenAI's default. */
export const completionTokensDefault = 16
/** Name of a model in a request: a release name, a model id, or a URL. */
export const modelNameBytesMax = 2048
/** Bytes of one server-sent event that a client of ours reads. */
export const sseEventBytesMax = MiB
/** Stop sequences of one request; OpenAI allows 4, chat templates add their own. */
export const stopSequencesMax = 16
export const stopSequenceBytesMax = 256
/** Fields of an error that a peer sends, and the text in each. */
export const wireErrorFieldsMax = 16
export const wireErrorTextMax = 500
/** Peers whose request quota is remembered per protocol, least recently seen out first: ~100 bytes each. */
export const quotaPeersMax = 4096
/** Tokens that an engine makes ahead of a reader that waits for payment: 15 ms of the fastest model, seconds of a slow one. */
export const pacedTokensAheadMax = 32
/** An engine child that sends nothing for this long during work is taken for hung and killed. */
export const engineSilenceMs = 2 * minute
/** A node that works on a peer's request, or has it queued, says so at least this often. */
export const inferKeepAliveMs = 15 * second
/** A peer that was asked and says nothing for this long is given up: three keep-alives. */
export const inferPeerSilenceMs = 3 * inferKeepAliveMs
/** A peer that has not begun to answer after this long is given up, however often it says that it will. */
export const inferPeerQueueMs = 5 * minute
/** Events of the store that wait for a reader, oldest out. */
export const outboxEventsMax = 10_000
/** Readers of the event stream of the control API. */
export const eventReadersMax = 64
/** Readers of the event streams of a coordinator: one socket and some KiB each; 1,000 pages are meant to fit. */
export const coordinatorEventReadersMax = 4096
/** What an entry of the ledger carries: a signed voucher or receipt with its details is < 1 KiB. */
export const ledgerBodyBytesMax = 4 * KiB
/** Its fields for queries, as JSON: a dozen of names and values, each < 100 bytes. */
export const ledgerFieldsBytesMax = 2 * KiB
/** Payer, payee and topic of a channel are 42 + 42 + 66 characters; SQL Server's keys end at 1,700 bytes. */
export const ledgerSubjectBytesMax = 256
/** Entries of one transaction: 256 x 7 KiB < 2 MiB. */
export const ledgerEntriesPerAppendMax = 256
/** Entries of one page, 7 MiB at worst. */
export const ledgerPageRowsMax = 1000

/** Contracts of one chain that a tenant has ever followed: `eip155:ID:0x…` is 60 bytes. */
export const chainsPerTenantMax = 64
export const chainNameBytesMax = 128
/** Events of one put: a range of blocks is 1,000 to 10,000 events wide at most RPCs. */
export const chainEventsPerPutMax = 10_000
/** Arguments of one event as JSON; of ours the largest is a feedback with its texts. */
export const chainEventArgsBytesMax = 16 * KiB
export const chainEventAddressesMax = 16
export const chainEventPageRowsMax = 1000
/** Read-only SQL of the owner: rows of one answer, its time, and what it may take of this machine. */
export const sqlRowsDefault = 1000
export const sqlRowsMax = 10_000
export const sqlTextBytesMax = 64 * KiB
export const sqlAnswerBytesMax = 8 * MiB
export const sqlDurationMsDefault = 10 * second
export const sqlDurationMsMax = minute
/** SQLite's own heap in the process of one query: sorting and grouping beyond it fails. */
export const sqlMemoryBytesMax = 256 * MiB
/** Queries at a time; each is a process. */
export const sqlQueriesMax = 2
/** Peers shown by the view `peer`. */
export const sqlPeersMax = 1000
/** One question to a chain: a public service answers in a second or never. */
export const chainRequestTimeoutMs = 15 * second
/** A transaction that was sent and is in no block: with a fair fee it takes a minute on a busy public chain. */
export const chainReceiptTimeoutMs = 10 * minute
/** Start of a local chain, its state of many blocks read; and its stop, the state written. */
export const chainStartTimeoutMs = 30 * second
export const chainStopTimeoutMs = 20 * second
/** Events of so many blocks are asked for at once; halved down to one block where a service refuses. */
export const chainLogBlocksMax = 2_000
/** Steps of the indexer that are remembered, to walk back after a reorganisation: 80 bytes each. */
export const chainStepsKept = 128
/** Events of stake and rewards that a coordinator holds to answer from: ~600 bytes each, 120 MB; a day of 200 nodes is ~400. */
export const chainHistoryEventsMax = 200_000
/** Positions that wait to be read from a chain, a few at a time: one takes a dozen questions. */
export const chainReadsWaitingMax = 64
/** Of a text in an event, which anyone may write as long as gas allows. */
export const chainTextCharsMax = 512

// ---- payment -----------------------------------------------------------------------------------------------------

/** A payment message inside a session; the largest, a receipt, has 4 hashes, 2 addresses, a signature and its details. */
export const paymentMessageBytesMax = KiB
/** Messages of payment in one session: at 1 GiB/s a voucher for every 32 MiB. */
export const paymentMessagesPerSecondMax = 32
/** How long a request waits for credit before it is refused: a voucher takes a round trip and a signature (~5 ms). */
export const unpaidWaitMs = 10 * second
/** How long a connection that is not needed any more stays open for its receipt: a round trip, a signature, a durable write. */
export const receiptWaitMs = 2 * second
/** What a receipt says beyond what a chain could judge. */
export const receiptDetailsBytesMax = 512
/** Messages of one session that wait for an earlier one: a buyer has no reason to send a second voucher before a question. */
export const paymentMessagesWaitingMax = 16
/** Work ahead of payment: for a stranger 4 MiB, 0.3 s at 100 Mbit/s; a channel that has paid gets as much again, up to the most. */
export const chunkAheadBytesFirst = 4 * MiB
/** 2 vouchers per GiB, one each time that half of this is served: 10 ms of CPU each at both ends, of 1.8 s for the bytes. */
export const chunkAheadBytesMax = GiB
/** The same for answers: a short one ahead for a stranger, a long one at most. */
export const inferAheadTokensFirst = 64
export const inferAheadTokensMax = 2048
/** Channels kept in memory by a seller or a buyer, ~1 KiB each; idle ones are read from the ledger again when needed. */
export const paymentChannelsMax = 4096
/** Sellers that were too dear, or stopped, oldest out: ~100 bytes each. */
export const unusableSellersMax = 1024
/** Vouchers of one claim: 100 cost 2.2 million gas, a fourteenth of a block of 30 million. */
export const claimVouchersMax = 100
/** Answers of the escrow that are kept for a moment. */
export const fundsKnownMax = 4096
/** Unpaid work keeps a payer from further credit for this long. */
export const debtMemoryMs = day
/** A buyer pays up to this much more than it counted itself, once per channel: what was under way when it crashed. */
export const overchargeBytesMax = 4 * MiB
export const overchargeTokensMax = 64
/** A seller that asks for more than that for this long is told to stop. */
export const overchargeWaitMs = 5 * second
/** How long a seller waits for the last voucher of a session, and a buyer for its receipt. */
export const settleWaitMs = 2 * second
/** Amounts are uint128 in the contracts. */
export const weiMax = 2n ** 128n - 1n

// ---- HTTP --------------------------------------------------------------------------------------------------------

export const httpBodyBytesMax = 8 * MiB
export const chatMessagesMax = 1024

// ---- jobs and workflows ------------------------------------------------------------------------------------------

/** Text of one message, prompt or input of a job. */
export const jobTextBytesMax = MiB
/** JSON of a whole request: a batch of 10,000 short prompts fits. It is under the body of a request over HTTP. */
export const jobRequestBytesMax = 6 * MiB
export const jobTimeoutMsMax = 24 * hour
/** In work at once: a few KiB each, and text that waits to be written. */
export const jobsInWorkMax = 2048
export const jobsPerTenantInWorkMax = 256
/** Nodes tried for one job, unless its terms say otherwise. */
export const jobAttemptsMax = 4
/** No second node is asked before: the first must have had time to read the prompt. */
export const hedgeDelayMinMs = 2 * second
/** Waiters of one tenant looked at for each slot: those of other models may stand before one that fits. */
export const slotWaitersLookedAtMax = 32
/** Nodes whose answering times are remembered; the longest unused goes. */
export const latencyNodesMax = 4096
/** Items of a batch that are submitted in one transaction. */
export const batchInsertMax = 200
export const batchItemsMax = 10_000
/** As OpenAI's. */
export const embeddingInputsMax = 2048
/** Numbers in the vectors of one request: all inputs with 2,048 numbers each, 16 MiB. */
export const embeddingValuesMax = 4 * MiB
/** Numbers in one vector of a model; the widest published model has 16,384. */
export const embeddingDimensionsMax = 16_384
export const idempotencyKeyBytesMax = 255
export const workflowStepsMax = 64
export const workflowTemplateBytesMax = 64 * KiB
export const workflowInputBytesMax = MiB
/** JSON of one step's value. */
export const workflowValueBytesMax = MiB
/** JSON of a step's value that its event carries, for who watches the run; what is longer is in the values alone. */
export const workflowEventValueBytesMax = 16 * KiB
/** JSON of the input and all values: a checkpoint is written after each round, 64 of 4 MiB are 256 MiB at the worst. */
export const workflowStateBytesMax = 4 * MiB
/** Items of one map or reduce; each is a job. */
export const workflowItemsMax = 1000
/** Steps of one workflow that run at once; a map bounds its own items. */
export const workflowParallelMax = 8
/** Items at once, where a map or reduce says nothing. */
export const workflowItemsParallelDefault = 4
/** What the tool `read-folder` reads at most; with names and quotes it fits a step's value. */
export const readFolderFilesMax = 256
export const readFolderBytesMax = 768 * KiB
/** Tasks of an agent's plan, and agents below agents: 16 x 16 x 16 jobs at the worst, under one bound of tokens and price. */
export const agentTasksMax = 16
export const agentDepthMax = 3
export const agentAnswerTokensMax = 1_000_000
/** A goal, or a prompt of a template. */
export const agentTextBytesMax = 16 * KiB
/** What a model writes as a plan: 16 tasks of 1000 characters fit. */
export const agentPlanBytesMax = 32 * KiB
/** Lists within objects within lists. */
export const workflowValueDepthMax = 32
/** What the store keeps of a job beside its request: phases, attempts' timings, an error. Text that grows is in events. */
export const jobDetailBytesMax = 256 * KiB
/** Vectors of 256 inputs of 4,096 numbers at 22 characters are 23 MB; a batch names its items' results. */
export const jobResultBytesMax = 32 * MiB
export const jobReasonBytesMax = 4 * KiB
/** One event: text joined over some 200 ms, at worst a whole answer of 32,768 tokens at 8 bytes. */
export const jobEventBytesMax = 512 * KiB
/** A batch with all of its items, and the bytes of their requests. */
export const jobsPerInsertMax = batchItemsMax + 1
export const jobInsertBytesMax = 64 * MiB
/** Jobs of one transaction of changes, and what one change may add. */
export const jobsPerChangeMax = 1000
export const jobEventsPerChangeMax = 1000
export const jobAttemptsPerChangeMax = 64
/** Rows of one page of jobs or events; it ends early where its texts have these bytes. */
export const jobPageRowsMax = 1000
export const jobPageBytesMax = 32 * MiB
/** Of one removal: ~20 rows each. */
export const jobsPerRemovalMax = 1000
/** A process that works on jobs, by the name that it gives itself; a peer id is 52 characters. */
export const jobOwnerBytesMax = 128
export const apiKeysPerHolderMax = 1000
export const apiKeyIdBytesMax = 64
export const apiKeyScopesBytesMax = 4 * KiB
export const apiKeyLabelBytesMax = 256
export const apiKeyUsesPerTouchMax = 10_000
/** A policy, a graph or a prompt. */
export const documentBytesMax = MiB
export const documentNameBytesMax = 256
export const documentVersionsPageMax = 1000
/** SQL Server's keys end at 1,700 bytes: thread, namespace, checkpoint and task of two bytes a character. */
export const checkpointThreadBytesMax = 128
export const checkpointNamespaceBytesMax = 400
export const checkpointIdBytesMax = 64
/** State of a workflow: its input, and what its steps gave. */
export const checkpointBytesMax = 16 * MiB
export const checkpointWritesPerPutMax = 1000
export const checkpointPageRowsMax = 1000
export const checkpointPageBytesMax = 32 * MiB

// ---- the registry of a coordinator -------------------------------------------------------------------------------

/** Probes at once: each may make a node load a model. */
export const probesAtOnceMax = 4
/** Nodes asked which chunks they hold, for one look at a model: 64 bitfields of 32 KiB are 2 MiB. */
export const coverageAskedMax = 64
export const registryPageMax = 1000
// ---- constitution ------------------------------------------------------------------------------------------------

/** A whole constitution: the shipped one has 6 KiB, 200 rules of 300 bytes 60. */
export const constitutionBytesMax = 128 * KiB
/** What a child may add at a time, and how many times: 8 agents and jobs within one another. */
export const addedRulesBytesMax = 16 * KiB
export const policyLayersMax = 8
/** What a submitter forbids its own job, in characters: at four bytes each `addedRulesBytesMax`. Each text stays in the store. */
export const jobForbidCharactersMax = 4 * KiB
/** Of all layers together; a decision looks at those of its action, at 4 us each. */
export const rulesMax = 512
export const ruleIdBytesMax = 48
/** Brackets within brackets, and operators of one rule: the engine's stack ends at 64 and 256 of them. */
export const ruleNestingMax = 24
export const ruleOperatorsMax = 128
/** Wildcards of one `like`: matching takes pattern times text at worst. */
export const rulePatternBytesMax = 256
/** A request as it is written down. */
export const decisionRequestBytesMax = 2304
/** Of one call: 256 requests are 600 KiB and 100 ms. */
export const decisionsAskedMax = 256
/** Entries of the log looked at for one page of those that a filter asks for: ten pages of the ledger, ~10 MiB. */
export const auditRowsLookedAtMax = 10_000
/** What a replay shows of entries that are not as they were. */
export const auditDifferencesMax = 1000
/** Rules that a decision names. */
export const decisionRulesMax = 10
/** Decisions on their way to the store, ~1 KiB each; then even reads wait. */
export const decisionsQueuedMax = 4096
/** Sets of rules that are ready in the engine, one per action in use and set: 200 rules of one action take ~1 MiB. */
export const preparedRulesMax = 128
/** Parsed sets in memory, those of the last jobs and agents: the shipped one takes ~30 KiB, what they share is there once. */
export const policySetsKnownMax = 1024

// ---- keys and wallets --------------------------------------------------------------------------------------------

/** A key, a mnemonic, a passphrase or a keystore: the longest has < 1 KiB, with what other programs add < 4 KiB. */
export const secretFileBytesMax = 64 * KiB
/** Of a new passphrase: at 0.2 s a guess, eight random letters take one core 600 years. */
export const passphraseCharactersMin = 8
/** Memory of one scrypt, 128 x N x r. Ours is 128 MiB (N 2^17, r 8), the most that is in use 256 MiB. */
export const scryptBytesMax = GiB
/** Lanes of scrypt, one after another: the specification's own example has 8. */
export const scryptLanesMax = 16
/** Rounds of PBKDF2 in a keystore of another program: 262,144 in most, 10 million take 4 s. */
export const pbkdf2RoundsMax = 10_000_000

/** Spans of a node's weekly schedule: one for each hour of the week, and no week needs more than every second one. */
export const scheduleSpansMax = 7 * 24

/** Not that of Node: pages in browsers read these limits too. */
function assert(holds: boolean, what = 'limits that belong together do not fit'): void {
  if (!holds) throw new Error(what)
}

assert(4 * jobForbidCharactersMax <= addedRulesBytesMax, 'what a job may forbid itself can be added to a constitution')
assert(blockBytesMax <= chunkBytes && chunkBytes % blockBytesMax === 0, 'a chunk is a whole number of blocks')
assert(unpaidWaitMs < sourceStallMs, 'a request that waits for credit is refused before its source seems dead')
assert(rangesPerRequestMax * 44 + 16 <= chunkRequestBytesMax, 'a full request fits its frame')
// Per extent: keys 42, kind 7, name and dtype with 5 of heads, shape 9 per dimension, offset and size 9 each, root 34.
assert(
  extentsPerTable * (tensorNameBytesMax + dtypeBytesMax + tensorDimensionsMax * 9 + 112) <= publishedBlockBytesMax,
  'a full extent table fits a block',
)
assert(
  queryRowsMax *
    (componentKeyBytesMax + queryTensorsPerHitMax * (tensorNameBytesMax + 142) + queryWordsMax * 66 + 300) +
    queryCursorBytesMax <
    controlFrameBytesMax,
  'a full page of a query fits a frame',
)
assert(leavesPerBlock * 32 + 64 <= publishedBlockBytesMax, 'a leaf block fits')
assert(releasesPerPageMax * releaseBytesMax < controlFrameBytesMax, 'a catalogue page fits a frame')
assert(haveBitsMax / 8 <= controlFrameBytesMax, 'a bitfield fits a frame')
assert(haveDeltaIndexesMax * 5 + 64 <= controlFrameBytesMax, 'a full delta fits a frame')
assert(modelsPerHeartbeatMax * 160 <= leaseBytesMax, 'a full lease fits')
assert(receiptDetailsBytesMax + 4 * 34 + 2 * 21 + 66 + 180 <= paymentMessageBytesMax, 'a receipt fits its message')
assert(4 * embeddingDimensionsMax + KiB <= inferFrameBytesMax, 'a vector fits its frame')
assert(
  decisionRequestBytesMax + 2 * decisionRulesMax * (ruleIdBytesMax + 6) + 3 * 68 + 160 <= ledgerBodyBytesMax,
  'a decision fits an entry of the ledger',
)
assert(unindexedRowsMax * 4 * 384 <= vectorCacheBytesMax && vectorCacheBytesMax <= vectorCachesBytesMax)
assert(flushBatchBytes >= chunkBytes && modelBytesMax <= Number.MAX_SAFE_INTEGER && GiB > 0)
