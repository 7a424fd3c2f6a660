/** Callers of the api bench, in a process of their own: as many connections as are asked for, each asking again and again. */
import { once } from 'node:events'
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { SseParser } from '#protocol/api/index.ts'
import { Connection, requestBytes, type Sent } from './connection.ts'

export type LoadRequest =
  | { type: 'ask'; url: string; token: string; sent: Sent[]; connections: number; forMs: number }
  /** Readers of the stream of changes, kept open; then jobs one after the other, of each of which all readers should learn. */
  | { type: 'watch'; url: string; token: string; readers: number; submit: Sent; jobs: number; everyMs: number }

export interface LoadResult {
  count: number
  seconds: number
  msP50: number
  msP95: number
  /** Of one answer, the mean. */
  bodyBytes: number
}

export interface WatchResult {
  readers: number
  /** From before the request that submits a job until a reader has its event. */
  msP50: number
  msP95: number
  /** Of readers x jobs. */
  missed: number
}

/** For the last events on a busy machine. */
const deliveryMsMax = 5000

async function ask({ url, token, sent, connections, forMs }: Extract<LoadRequest, { type: 'ask' }>) {
  const requests = sent.map((each) => requestBytes(url, each, token))
  const callers = await Promise.all(Array.from({ length: connections }, () => Connection.open(url)))
  const times: number[] = []
  let bytes = 0
  const beganMs = performance.now()
  const untilMs = beganMs + forMs
  const work = async (caller: Connection, index: number) => {
    for (let turn = index; performance.now() < untilMs; turn++) {
      const sentMs = performance.now()
      const { status, bodyBytes } = await caller.exchange(requests[turn % requests.length]!)
      if (status >= 300) throw new Error(`${sent[turn % requests.length]!.path} answers ${status}`)
      times.push(performance.now() - sentMs)
      bytes += bodyBytes
    }
  }
  try {
    await Promise.all(callers.map(work))
  } finally {
    for (const caller of callers) caller.close()
  }
  const seconds = (performance.now() - beganMs) / 1000
  return { count: times.length, seconds, ...percentiles(times), bodyBytes: bytes / times.length }
}

async function watch({ url, token, readers, submit, jobs, everyMs }: Extract<LoadRequest, { type: 'watch' }>) {
  const sentMs = new Map<string, number>()
  /** Events may come before the answer that names their job. */
  const arrived: { jobId: string; atMs: number }[][] = []
  const streams = await openStreams(url, token, readers, (reader, jobId) => {
    arrived[reader] ??= []
    arrived[reader].push({ jobId, atMs: performance.now() })
  })
  for (let n = 0; n < jobs; n++) {
    const atMs = performance.now()
    const response = await fetch(`${url}${submit.path}`, {
      method: submit.method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(submit.body),
    })
    if (!response.ok) throw new Error(`submitting answers ${response.status}`)
    const { jobId } = (await response.json()) as { jobId: string }
    sentMs.set(jobId, atMs)
    await sleep(Math.max(0, everyMs - (performance.now() - atMs)))
  }
  const timesOf = () => arrived.flatMap((events) => firstTimes(events, sentMs))
  const untilMs = performance.now() + deliveryMsMax
  while (timesOf().length < readers * jobs && performance.now() < untilMs) await sleep(100)
  const times = timesOf()
  for (const stream of streams) stream.destroy()
  return { readers, ...percentiles(times), missed: readers * jobs - times.length }
}

/** A job has more events than one; the first says that it is there. */
function firstTimes(events: readonly { jobId: string; atMs: number }[], sentMs: ReadonlyMap<string, number>): number[] {
  const seen = new Set<string>()
  return events.flatMap(({ jobId, atMs }) => {
    const began = sentMs.get(jobId)
    if (began === undefined || seen.has(jobId)) return []
    seen.add(jobId)
    return [atMs - began]
  })
}

async function openStreams(
  url: string,
  token: string,
  count: number,
  onJob: (reader: number, jobId: string) => void,
): Promise<ClientRequest[]> {
  const streams: ClientRequest[] = []
  for (let reader = 0; reader < count; reader++) {
    const request = get(`${url}/api/v1/events`, { agent: false, headers: { authorization: `Bearer ${token}` } })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    if (response.statusCode !== 200) throw new Error(`a stream answers ${response.statusCode}`)
    const parser = new SseParser()
    response.setEncoding('utf8').on('data', (text: string) => {
      for (const { event, data } of parser.push(text))
        if (event === 'job') onJob(reader, (JSON.parse(data) as { jobId: string }).jobId)
    })
    response.on('error', () => undefined)
    request.on('error', () => undefined)
    streams.push(request)
  }
  return streams
}

function percentiles(times: number[]): { msP50: number; msP95: number } {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { msP50: at(0.5), msP95: at(0.95) }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

process.on('message', (request: LoadRequest) => {
  const work = request.type === 'ask' ? ask(request) : watch(request)
  work.then(
    (result: LoadResult | WatchResult) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
