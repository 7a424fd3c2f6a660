/**
 * Chats, completions and embeddings: one node answers, another takes over where it fails, a second one is asked where the
 * first is slow to begin. What comes first wins; the tenant is charged for that one alone.
 */
import { createHash } from 'node:crypto'
import { receiptSubject } from '#node/runtime/index.ts'
import type { AttemptView, ItemWork, JobResult } from '#protocol/api/jobs.ts'
import { type ErrorCode, isHartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { hedgeDelayMinMs, jobAttemptsMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { AttemptRow } from '#sql/store/job.ts'
import { type Candidate, chooseCandidate, costMaxWei, type Needs, needsOf, refusalOf } from './candidates.ts'
import type { ChooseNode, FairSlots, Slot } from './fair-slots.ts'
import type { Latencies } from './latency.ts'
import { pause } from './pause.ts'
import type { RunningJob } from './running-job.ts'
import { type Account, receiptHash, type Sitting, type SittingEvent } from './sitting.ts'
import type { Windows } from './windows.ts'
import { completionTokensMax, promptTokensMax } from './work-size.ts'

export interface AnswerDependencies {
  slots: FairSlots
  latencies: Latencies
  windows: Windows
  now: () => number
  random: () => number
  /** Nodes that answer prompts of that model, and its id. @throws {ERR_NOT_FOUND} */
  candidates: (model: string) => Promise<{ modelId: string; name: string; candidates: () => Candidate[] }>
  /** Where nobody answers: the own node fetches the model, if it may. False where it may not. */
  fetch: (model: string, job: RunningJob) => Promise<boolean>
  sit: Sitting
  /** What one job may cost at most, whatever its terms say. */
  priceMaxWei: bigint
  noteWork: (peerId: PeerId, firstTokenMs: number) => void
  /** It answered to the end. */
  noteAnswer: (peerId: PeerId, answered: { completionTokens: number; generatingMs: number }) => void
  /** That node may do this job, and the job may spend that. @throws {ERR_FORBIDDEN} */
  authorize: (
    job: RunningJob,
    candidate: Candidate,
    money: { costMaxWei: bigint; spentWei: bigint; priceMaxWei: bigint },
  ) => Promise<void>
}

/** For the end of those who were told to stop; they are told at once. */
const loserWaitMs = 2 * second

/** A failure on one node that another may not share. */
const worthAnotherNode = new Set<ErrorCode>([
  'ERR_TIMEOUT',
  'ERR_PEER_UNREACHABLE',
  'ERR_PEER_PROTOCOL',
  'ERR_PEER_BUSY',
  'ERR_QUEUE_FULL',
  'ERR_NOT_FOUND',
  'ERR_ENGINE_UNAVAILABLE',
  'ERR_ENGINE_CRASHED',
  'ERR_MODEL_UNSUPPORTED',
  'ERR_UNPAID',
  'ERR_NO_SOURCE',
  'ERR_IO',
  'ERR_LIMIT',
])

export interface Answered {
  result: JobResult
  chargedWei: bigint
  /** The winner, to be written with the final state. */
  attempts: AttemptRow[]
}

export async function answerJob(job: RunningJob, deps: AnswerDependencies): Promise<Answered> {
  const work = job.work as ItemWork
  const found = await deps.candidates(work.model)
  job.detail.model = found.name
  const answer = new Answer(job, work, found, deps)
  const attemptsMax = job.terms.attemptsMax ?? jobAttemptsMax
  for (;;) {
    try {
      return await answer.run()
    } catch (error) {
      job.signal.throwIfAborted()
      const isElsewhere = isHartonomousError(error) && worthAnotherNode.has(error.code)
      if (!isElsewhere || answer.begun >= attemptsMax) throw error
    }
  }
}

class Answer {
  readonly #job: RunningJob
  readonly #work: ItemWork
  readonly #found: Awaited<ReturnType<AnswerDependencies['candidates']>>
  readonly #deps: AnswerDependencies
  readonly #tried = new Set<PeerId>()
  readonly #forbidden = new Set<PeerId>()
  readonly #tokensMax: number
  readonly #priceMaxWei: bigint
  #spentWei = 0n
  begun = 0

  constructor(
    job: RunningJob,
    work: ItemWork,
    found: Awaited<ReturnType<AnswerDependencies['candidates']>>,
    deps: AnswerDependencies,
  ) {
    this.#job = job
    this.#work = work
    this.#found = found
    this.#deps = deps
    this.#tokensMax = promptTokensMax(work) + completionTokensMax(work)
    const asked = job.terms.maxPriceWei
    const askedWei = asked === undefined ? deps.priceMaxWei : BigInt(asked)
    this.#priceMaxWei = askedWei < deps.priceMaxWei ? askedWei : deps.priceMaxWei
  }

  /** One round: a node, and perhaps a second one beside it. */
  async run(): Promise<Answered> {
    const slot = await this.#allowedSlot()
    const round = new AbortController()
    const signal = AbortSignal.any([round.signal, this.#job.signal])
    const outcome = Promise.withResolvers<Answered>()
    let running = 0
    const tries: Promise<unknown>[] = []
    const race: Race = { winner: undefined, losers: [] }
    const begin = (taken: Slot, isHedge: boolean) => {
      const attempt = this.#job.nextAttempt()
      this.begun++
      running++
      const ending = this.#attempt(taken, attempt, isHedge, race, signal).then(outcome.resolve, (error: unknown) => {
        // The last one to fail says why; one that lost failed because another goes on.
        if (--running === 0) outcome.reject(error)
      })
      tries.push(ending)
    }
    begin(slot, false)
    const hedge = this.#hedgeAfter(() => {
      if (running === 0 || race.winner !== undefined || this.#job.signal.aborted) return
      this.#hedgeSlot(signal).then(
        (second) => {
          const isWanted = running > 0 && race.winner === undefined && !signal.aborted
          if (isWanted) begin(second, true)
          else second.release()
        },
        () => undefined,
      )
    })
    try {
      return await outcome.promise
    } finally {
      clearTimeout(hedge)
      round.abort(new Error('another node was faster'))
      // Once the job has ended nothing can be added to it: what the others cost is written before.
      await Promise.race([Promise.allSettled(tries), pause(loserWaitMs, this.#job.signal)])
    }
  }

  /** Nodes that the constitution refuses are passed over; where it refuses all, that is why the job fails. */
  async #allowedSlot(): Promise<Slot> {
    for (;;) {
      const slot = await this.#firstSlot()
      try {
        await this.#authorize(slot.peerId)
        return slot
      } catch (error) {
        slot.release()
        this.#forbidden.add(slot.peerId)
        if (this.#found.candidates().every(({ peerId }) => this.#forbidden.has(peerId))) throw error
      }
    }
  }

  /** On another node: at once where one has room, else in its turn. The first may be mute, and the others only busy. */
  async #hedgeSlot(signal: AbortSignal): Promise<Slot> {
    const { slots } = this.#deps
    const choose: ChooseNode = (runningOn) => {
      const peerId = this.#choose(runningOn)
      return peerId === undefined || this.#tried.has(peerId) ? undefined : peerId
    }
    const slot = slots.tryTake(choose) ?? (await slots.take(this.#job.tenant, choose, signal))
    try {
      await this.#authorize(slot.peerId)
      return slot
    } catch (error) {
      slot.release()
      throw error
    }
  }

  async #authorize(peerId: PeerId): Promise<void> {
    const candidate = this.#found.candidates().find((each) => each.peerId === peerId)
    if (candidate === undefined) return
    const money = {
      costMaxWei: costMaxWei(candidate, this.#tokensMax),
      spentWei: this.#spentWei,
      priceMaxWei: this.#priceMaxWei,
    }
    await this.#deps.authorize(this.#job, candidate, money)
  }

  /** Waits in the fair queue; where nobody could ever answer, the own node may fetch the model. */
  async #firstSlot(): Promise<Slot> {
    const { slots, fetch } = this.#deps
    const job = this.#job
    if (this.#found.candidates().length === 0 && (await fetch(this.#work.model, job))) {
      job.signal.throwIfAborted()
    }
    job.enter('queued', this.#whyQueued())
    return slots.take(job.tenant, (runningOn) => this.#choose(runningOn), job.signal)
  }

  #choose(runningOn: (peerId: PeerId) => number): PeerId | undefined {
    const { latencies, windows, random } = this.#deps
    const windowOf = (peerId: PeerId) => windows.sizeOf(peerId)
    const expectedMs = (peerId: PeerId) => latencies.expectedMs(peerId)
    const allowed = this.#found.candidates().filter((each) => !this.#forbidden.has(each.peerId))
    return chooseCandidate(allowed, this.#needs(), { runningOn, expectedMs, windowOf, random })
  }

  #needs(): Needs {
    return {
      ...needsOf(this.#job.terms),
      budgetWei: this.#priceMaxWei - this.#spentWei,
      tokensMax: this.#tokensMax,
      tried: this.#tried,
    }
  }

  #whyQueued(): string {
    const candidates = this.#found.candidates()
    if (candidates.length === 0) return `no node answers prompts of ${this.#found.name} now`
    const refusals = candidates.map((candidate) => refusalOf(candidate, this.#needs()))
    const open = refusals.filter((refusal) => refusal === '').length
    if (open > 0) return `waits for a slot on one of ${open} nodes`
    return `none of ${candidates.length} nodes fits: ${[...new Set(refusals)].join(', ')}`
  }

  #hedgeAfter(begin: () => void): NodeJS.Timeout | undefined {
    if (this.#job.terms.hedge === false) return undefined
    const timer = setTimeout(begin, Math.max(hedgeDelayMinMs, this.#deps.latencies.p95Ms() ?? 0))
    timer.unref()
    return timer
  }

  async #attempt(slot: Slot, attempt: number, isHedge: boolean, race: Race, outer: AbortSignal): Promise<Answered> {
    const { now, latencies, windows, slots, noteWork, noteAnswer, sit } = this.#deps
    const { peerId } = slot
    const job = this.#job
    const lost = new AbortController()
    const signal = AbortSignal.any([outer, lost.signal])
    const startedAtMs = now()
    const row: AttemptRow = { jobId: job.jobId, attempt, peerId, isHedge, startedAtMs, detail: '{}', paidWei: 0n }
    const detail: Partial<AttemptView> = {}
    const loser = { attempt, abort: () => lost.abort(new Error('another node was faster')) }
    race.losers.push(loser)
    this.#tried.add(peerId)
    job.attempt({ ...row })
    const order = { job: orderOf(job), attempt }
    const request = { work: this.#work, modelId: this.#found.modelId, traceparent: job.traceparent }
    const sitting = sit(peerId, request, { order, signal })
    const onEvent = (event: SittingEvent) => {
      if (event.type === 'queued') job.enter('queued', `waits behind ${event.position} others on its node`)
      else if (event.type === 'loading') job.enter('loading', 'its node loads the model')
      else {
        if (detail.firstTokenMs === undefined) {
          detail.firstTokenMs = now() - startedAtMs
          latencies.add(peerId, detail.firstTokenMs)
          noteWork(peerId, detail.firstTokenMs)
        }
        if (race.winner === undefined) {
          race.winner = attempt
          for (const other of race.losers) if (other.attempt !== attempt) other.abort()
        }
        if (race.winner !== attempt) return
        job.enter('running', 'its node answers')
        if (event.text !== '') job.text(event.text, event.tokens)
      }
    }
    try {
      const result = await sitting.run(onEvent)
      windows.answered(peerId, slots.runningOn(peerId))
      const { costWei, receipt } = sitting.account()
      const counts = tokensOf(result)
      const endedAtMs = now()
      const { completionTokens = 0 } = counts
      const generatingMs = endedAtMs - startedAtMs - (detail.firstTokenMs ?? 0)
      noteAnswer(peerId, { completionTokens, generatingMs })
      const won: AttemptRow = {
        ...row,
        endedAtMs,
        outcome: 'won',
        paidWei: costWei,
        detail: JSON.stringify({ ...detail, ...counts, blame: 'none', ...named(receipt) }),
        ...(receipt === undefined ? {} : { receiptHash: receiptHash(receipt) }),
      }
      return { result, chargedWei: costWei, attempts: [won] }
    } catch (error) {
      const { costWei } = sitting.account()
      this.#spentWei += costWei
      if (race.winner === attempt) race.winner = undefined
      const isLost = lost.signal.aborted
      const outcome = isLost ? 'lost' : outer.aborted ? 'cancelled' : 'failed'
      const known = isHartonomousError(error) ? error : undefined
      // One that was asked first and had said nothing when another one had begun is slow too.
      const isSlow = isLost && !isHedge && detail.firstTokenMs === undefined
      const blame = outcome === 'failed' ? blameOf(known?.code) : 'none'
      if (isSlow || (outcome === 'failed' && (blame === 'node' || blame === 'none'))) {
        latencies.missed(peerId, now() - startedAtMs)
        windows.failed(peerId)
      }
      const told = { code: known?.code ?? 'ERR_IO', message: error instanceof Error ? error.message : String(error) }
      job.attempt({
        ...row,
        endedAtMs: now(),
        outcome,
        paidWei: costWei,
        detail: JSON.stringify({ ...detail, blame, ...(outcome === 'failed' ? { error: told } : {}) }),
      })
      throw error
    } finally {
      race.losers = race.losers.filter((other) => other !== loser)
      slot.release()
    }
  }
}

interface Race {
  winner: number | undefined
  losers: { attempt: number; abort: () => void }[]
}

/** Evidence, not suspicion: who is silent may have lost its line. */
function blameOf(code: ErrorCode | undefined): NonNullable<AttemptView['blame']> {
  if (code === 'ERR_PEER_PROTOCOL') return 'node'
  if (code === 'ERR_CONTEXT_LENGTH' || code === 'ERR_USAGE') return 'requester'
  if (code === 'ERR_UNPAID') return 'coordinator'
  return 'none'
}

/** 32 bytes: the same job has the same name on every node, whichever coordinator goes on with it. */
function orderOf({ tenant, jobId }: RunningJob): Uint8Array {
  return createHash('sha256').update(`hartonomous/job/1\n${tenant}\n${jobId}`).digest()
}

/** Where the ledger of the own node keeps it. */
function named(receipt: Account['receipt']): { receipt?: string } {
  return receipt === undefined ? {} : { receipt: receiptSubject(receipt.receipt) }
}

function tokensOf(result: JobResult): Pick<AttemptView, 'promptTokens' | 'completionTokens'> {
  if (result.kind === 'chat' || result.kind === 'completion')
    return { promptTokens: result.promptTokens, completionTokens: result.completionTokens }
  return result.kind === 'embedding' ? { promptTokens: result.promptTokens, completionTokens: 0 } : {}
}
