/** A child process that answers one request at a time. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export class Child<Request extends object> {
  readonly #process: ChildProcess

  constructor(script: string) {
    const path = fileURLToPath(new URL(script, import.meta.url))
    this.#process = fork(path, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  async ask<Result>(request: Request): Promise<Result> {
    const listening = new AbortController()
    const { signal } = listening
    try {
      const answer = once(this.#process, 'message', { signal })
      const exit = once(this.#process, 'exit', { signal }).then(() => {
        throw new Error('a process of the bench ended early')
      })
      answer.catch(() => {})
      exit.catch(() => {})
      this.#process.send(request)
      const [{ result, error }] = (await Promise.race([answer, exit])) as [{ result: Result; error?: string }]
      if (error !== undefined) throw new Error(error)
      return result
    } finally {
      listening.abort()
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exit
  }
}
