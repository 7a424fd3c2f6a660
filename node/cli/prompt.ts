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
  // The line editor echoes into nothing.
  const nowhere = new Writable({ write: (_part, _encoding, done) => done() })
  try {
    return Buffer.from(await readLine(question, streams, nowhere, signal), 'utf8')
  } finally {
    streams.output.write('\n')
  }
}

/** True for `y` and `yes`; anything else, Enter too, is no. */
export async function askYesNo(question: string, streams: PromptStreams, signal: AbortSignal): Promise<boolean> {
  return /^\s*y(es)?\s*$/i.test(await readLine(`${question} [y/N] `, streams, streams.output, signal))
}

function readLine(question: string, streams: PromptStreams, echo: Writable, signal: AbortSignal): Promise<string> {
  // From here on the terminal itself echoes nothing: only then is the question shown, and somebody types.
  const lines = createInterface({ input: streams.input, output: echo, terminal: true, historySize: 0 })
  streams.output.write(question)
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
