/** Questions to the person at the terminal. They go to stderr: stdout is for data. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'

export interface PromptStreams {
  input: NodeJS.ReadStream
  output: NodeJS.WriteStream
}

/** `undefined` where nobody could answer. */
export function promptStreams(): PromptStreams | undefined {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
    ? { input: process.stdin, output: process.stderr }
    : undefined
}

/** The line that was typed, of which nothing was shown. Rejects when `signal` is aborted, or at Ctrl-C. */
export async function askHidden(question: string, streams: PromptStreams, signal: AbortSignal): Promise<Buffer> {
  streams.output.write(question)
  try {
    // The line editor echoes into nothing.
    const nowhere = new Writable({ write: (_part, _encoding, done) => done() })
    return Buffer.from(await readLine(streams.input, nowhere, signal), 'utf8')
  } finally {
    streams.output.write('\n')
  }
}

/** True for `y` and `yes`; anything else, Enter too, is no. */
export async function askYesNo(question: string, streams: PromptStreams, signal: AbortSignal): Promise<boolean> {
  streams.output.write(`${question} [y/N] `)
  return /^\s*y(es)?\s*$/i.test(await readLine(streams.input, streams.output, signal))
}

function readLine(input: NodeJS.ReadStream, output: Writable, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input, output, terminal: true, historySize: 0 })
  return new Promise<string>((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    lines.once('line', resolve)
    // A raw terminal sends Ctrl-C as a character: it becomes the signal that it is elsewhere.
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    lines.once('close', () => {
      if (!signal.aborted) reject(new Error('nothing was typed'))
    })
  }).finally(() => lines.close())
}
