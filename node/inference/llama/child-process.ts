/** The engine's child process as its parent sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { processPort } from '#protocol/port/adapters.ts'
import { PortClient } from '#protocol/port/index.ts'
import type { InferProgress, LlamaEvents, LlamaMethods } from './messages.ts'

const entry = fileURLToPath(new URL('./child.ts', import.meta.url))
const lastLinesMax = 20
const lineCharsMax = 500

export class LlamaChild {
  readonly client: PortClient<LlamaMethods, LlamaEvents>
  /** Why it ended: `killed by SIGABRT`. Never rejects. */
  readonly exited: Promise<string>
  /** Set by whoever kills it. */
  killReason: string | undefined
  lastHeardMs: number
  readonly #process: ChildProcess
  readonly #requests = new Map<number, (progress: InferProgress) => void>()
  readonly #lines: string[] = []

  constructor(clock: () => number) {
    this.#process = fork(entry, [], {
      // Typed arrays and undefined survive; no flags of the parent (test runners pass some).
      serialization: 'advanced',
      execArgv: [],
      env: childEnvironment(process.env),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.lastHeardMs = clock()
    this.#process.on('message', () => {
      this.lastHeardMs = clock()
    })
    this.exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `exit ${code}`))
      this.#process.once('error', (error) => resolve(error.message))
    })
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#keepLines(text))
    }
    this.client = new PortClient(processPort(this.#process), 'inference')
    this.client.on('progress', ({ request, progress }) => this.#requests.get(request)?.(progress))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** What llama.cpp said last, for the owner of this machine only: it may hold paths. */
  get lastLines(): readonly string[] {
    return this.#lines.filter((line) => line.trim() !== '')
  }

  listen(request: number, listener: (progress: InferProgress) => void): () => void {
    this.#requests.set(request, listener)
    return () => this.#requests.delete(request)
  }

  kill(reason: string): void {
    this.killReason ??= reason
    this.#process.kill('SIGKILL')
  }

  /** Native code writes a line in several pieces. */
  #keepLines(text: string): void {
    const [first = '', ...rest] = text.split('\n')
    const last = this.#lines.pop() ?? ''
    this.#lines.push(...[last + first, ...rest].map((line) => line.slice(0, lineCharsMax)))
    if (this.#lines.length > lastLinesMax) this.#lines.splice(0, this.#lines.length - lastLinesMax)
  }
}

/** Model files are untrusted input to native code: what that process need not know it is not told. */
function childEnvironment(parent: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const dropped =
    /^(NODE_OPTIONS|NODE_CHANNEL_FD|VITEST.*|npm_.*|HART_.*|HARTONOMOUS_.*|OTEL_.*|.*(TOKEN|SECRET|PASSWORD|API_KEY).*)$/i
  return Object.fromEntries(Object.entries(parent).filter(([name]) => !dropped.test(name)))
}
