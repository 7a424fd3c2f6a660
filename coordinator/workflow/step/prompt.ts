/** A prompt as a child job; its value is the text of the answer. */
import type { ItemWork } from '#protocol/api/jobs.ts'
import type { Values } from '#protocol/api/value-path.ts'
import type { WorkflowStep } from '#protocol/api/workflow.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { render } from '../plan/template.ts'
import { keyOf, type StepRun } from './step-run.ts'

/** What prompts have in common wherever they stand: alone, in a map, in a reduce. */
export type Prompt = Pick<
  Extract<WorkflowStep, { type: 'prompt' }>,
  'model' | 'system' | 'prompt' | 'temperature' | 'maxTokens' | 'seed'
>

/** `part` is the step, or an item of it: `each[3]`. */
export async function runPrompt(
  run: StepRun,
  prompt: Prompt,
  part: string,
  values: Values,
  signal: AbortSignal,
): Promise<string> {
  const work = promptWork(prompt, run.model, values)
  const result = await run.host.runWork(work, { signal, step: part, idempotencyKey: keyOf(run, part) })
  if (result.kind === 'chat' || result.kind === 'completion') return result.text
  throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: `a prompt was answered by a ${result.kind}` })
}

function promptWork(prompt: Prompt, fallback: string | undefined, values: Values): ItemWork {
  const model = render(prompt.model ?? fallback ?? '', values)
  if (model === '') {
    const message = `${prompt.model ?? fallback} names no model`
    throw new HartonomousError('ERR_USAGE', { message, param: 'model' })
  }
  const { system, temperature, maxTokens, seed } = prompt
  const said = { role: 'user' as const, content: render(prompt.prompt, values) }
  const messages = system === undefined ? [said] : [{ role: 'system' as const, content: render(system, values) }, said]
  return {
    kind: 'chat',
    model,
    messages,
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(seed === undefined ? {} : { seed }),
  }
}
