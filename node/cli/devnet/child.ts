/** One node of the local swarm, or its coordinator: a process of its own, its events read from its stdout. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { StampedEvent } from '#protocol/api/control.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { dataFiles } from '../../config/index.ts'
import { ControlClient, connectToNode } from '../client.ts'

const executable = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const programs = {
  node: [executable('node/bin/main.ts'), 'up'],
  coordinator: [executable('coordinator/bin/main.ts')],
}
const stopTimeoutMs = 8000
const stderrKeptLines = 20

export type EventOf<K extends StampedEvent['event']> = Extract<StampedEvent, { event: K }>

export class DevnetNode {
  readonly index: number
  readonly dataDir: string
  readonly #child: ChildProcess
  readonly #listeners = new Set<(event: StampedEvent) => void>()
  readonly #exited: Promise<string>
  readonly #stderr: string[] = []
  #isStopping = false
  ready: EventOf<'ready'> | undefined
  /** Of a coordinator. */
  coordinatorUrl: string | undefined

  /** `launcher`: a program and its arguments that start the node's, such as `ip netns exec NAME`. */
  constructor(
    index: number,
    dataDir: string,
    args: readonly string[],
    launcher: readonly string[] = [],
    program: keyof typeof programs = 'node',
  ) {
    this.index = index
    this.dataDir = dataDir
    const command = [...launcher, process.execPath, ...programs[program], '--json', '--data-dir', dataDir, ...args]
    this.#child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C in the terminal goes to the parent alone, which then stops the nodes in order.
      detached: true,
      // The configuration of the person at this machine must not leak into the swarm.
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HARTONOMOUS_'))),
    })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#receive(line))
    createInterface({ input: this.#child.stderr! }).on('line', (line) => {
      this.#stderr.push(line)
      if (this.#stderr.length > stderrKeptLines) this.#stderr.shift()
    })
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message))
      this.#child.once('exit', (code, signal) => resolve(signal === null ? `exit ${code}` : `killed by ${signal}`))
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  subscribe(listener: (event: StampedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The first event of a kind that satisfies `test`. @throws {ERR_WORKER_GONE} when the process ends before. */
  async waitFor<K extends StampedEvent['event']>(
    kind: K,
    signal: AbortSignal,
    test: (event: EventOf<K>) => boolean = () => true,
  ): Promise<EventOf<K>> {
    const { promise, resolve, reject } = Promise.withResolvers<EventOf<K>>()
    const unsubscribe = this.subscribe((event) => {
      if (event.event === kind && test(event as EventOf<K>)) resolve(event as EventOf<K>)
    })
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    void this.#exited.then((reason) => reject(this.#gone(reason)))
    try {
      return await promise
    } finally {
      unsubscribe()
      signal.removeEventListener('abort', onAbort)
    }
  }

  async start(signal: AbortSignal): Promise<EventOf<'ready'>> {
    return this.ready ?? (await this.waitFor('ready', signal))
  }

  /** A client of the coordinator's own API. */
  async connectToCoordinator(signal: AbortSignal): Promise<ControlClient> {
    await this.start(signal)
    this.coordinatorUrl ??= (await this.waitFor('coordinator-ready', signal)).coordinatorUrl
    const token = await readFile(dataFiles.ownerToken(this.dataDir), 'utf8')
    return new ControlClient(this.coordinatorUrl, token.trim(), signal)
  }

  connect(signal: AbortSignal): Promise<ControlClient> {
    return connectToNode(this.dataDir, signal)
  }

  /** Rejects when the process ends although nobody stopped it. */
  async watch(): Promise<never> {
    const reason = await this.#exited
    if (this.#isStopping) return new Promise(() => undefined)
    throw this.#gone(reason)
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
    await this.#exited
    clearTimeout(timer)
  }

  /** For an exit that cannot wait. */
  kill(): void {
    this.#isStopping = true
    this.#child.kill('SIGKILL')
  }

  #receive(line: string): void {
    let event: StampedEvent
    try {
      event = JSON.parse(line) as StampedEvent
    } catch {
      return
    }
    if (event.event === 'ready') this.ready = event
    if (event.event === 'coordinator-ready') this.coordinatorUrl = event.coordinatorUrl
    for (const listener of this.#listeners) listener(event)
  }

  #gone(reason: string): HartonomousError {
    const tail = this.#stderr.slice(-3).join(' | ')
    return new HartonomousError('ERR_WORKER_GONE', {
      worker: `node ${this.index}`,
      reason: tail === '' ? reason : `${reason}: ${tail}`,
    })
  }
}
