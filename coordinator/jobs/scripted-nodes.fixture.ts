/** What remote nodes answer, on command: a sitting of each job that reaches one stays open until a test ends it. */
import type { ItemWork, JobResult } from '#protocol/api/jobs.ts'
import type { PeerId } from '#protocol/ids.ts'
import type { Sitting, SittingEvent } from './sitting.ts'

/** A job on a node, and what the node does with it. */
export interface Asked {
  peerId: PeerId
  work: ItemWork
  traceparent: string | undefined
  say(text: string, tokens?: number): void
  end(): void
  /** Says it, and that this was all. */
  answer(text: string): void
}

export class ScriptedNodes {
  readonly #asked = new Map<string, Asked>()

  /** The first one that is asked this, once it is; a second one may be asked later because the first is slow. */
  async asked(prompt: string): Promise<Asked> {
    for (;;) {
      const asked = this.#asked.get(prompt)
      if (asked !== undefined) return asked
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  readonly sit: Sitting = (peerId, { work, traceparent }, { signal }) => ({
    account: () => ({ costWei: 0n }),
    run: (onEvent) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        const asked = openSitting(peerId, work, traceparent, onEvent, resolve)
        const prompt = promptOf(work)
        if (!this.#asked.has(prompt)) this.#asked.set(prompt, asked)
      }),
  })
}

function openSitting(
  peerId: PeerId,
  work: ItemWork,
  traceparent: string | undefined,
  onEvent: (event: SittingEvent) => void,
  resolve: (result: JobResult) => void,
): Asked {
  let said = ''
  let completionTokens = 0
  const say = (text: string, tokens = 1) => {
    said += text
    completionTokens += tokens
    onEvent({ type: 'output', text, tokens })
  }
  const end = () => {
    if (work.kind === 'embedding') throw new TypeError('no vectors are scripted')
    resolve({ kind: work.kind, text: said, finishReason: 'stop', promptTokens: 1, completionTokens })
  }
  const answer = (text: string) => {
    say(text)
    end()
  }
  return { peerId, work, traceparent, say, end, answer }
}

function promptOf(work: ItemWork): string {
  if (work.kind === 'chat') return work.messages.at(-1)!.content
  return work.kind === 'completion' ? work.prompt : work.input.join()
}
