/** A job as a person writes it: a file, or a model and a prompt. */
import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { parsePart } from '#protocol/api/issue.ts'
import { type JobTerms, privacyLabels, type SubmitRequest, submitRequest } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import { readAmount } from './amount.ts'
import { type CommandContext, flagOption, listOption, type OptionHelp, textOption } from './command.ts'

export const termsOptions = {
  privacy: { type: 'string' },
  region: { type: 'string', multiple: true },
  'max-price': { type: 'string' },
  'no-hedge': { type: 'boolean' },
} as const

export const termsOptionHelp: Record<string, OptionHelp> = {
  privacy: { value: 'LABEL', help: 'public, trusted or local: who may do the work (default public)' },
  region: { value: 'CC', help: 'only nodes that say that they are there (may be given again)' },
  'max-price': { value: 'HART', help: 'the most that it may cost' },
  'no-hedge': { help: 'ask no second node where the first is slow to begin' },
}

export const workOptions = {
  ...termsOptions,
  model: { type: 'string' },
  prompt: { type: 'string' },
  system: { type: 'string' },
  'max-tokens': { type: 'string' },
  pull: { type: 'string' },
} as const

export const workOptionHelp: Record<string, OptionHelp> = {
  ...termsOptionHelp,
  model: { value: 'MODEL', help: 'instead of FILE: ask this model' },
  prompt: { value: 'TEXT', help: 'what it is asked; without it stdin is read' },
  system: { value: 'TEXT', help: 'system message' },
  'max-tokens': { value: 'N', help: 'length of the answer' },
  pull: { value: 'MODEL', help: "instead of FILE: fetch this model into the coordinator's node" },
}

/** `lines`: the items of a batch, which the coordinator reads itself. */
export type WrittenJob = { request: SubmitRequest } | { lines: string; terms: JobTerms }

/** @throws {ERR_USAGE} {ERR_IO} */
export async function readJob(context: CommandContext): Promise<WrittenJob> {
  const [file] = context.positionals
  const [model, pull] = [textOption(context, 'model'), textOption(context, 'pull')]
  const terms = termsOf(context)
  if ([file, model, pull].filter((given) => given !== undefined).length !== 1)
    throw new HartonomousError('ERR_USAGE', { message: 'give one of FILE, --model and --pull' })
  if (pull !== undefined) return { request: check({ work: { kind: 'pull', model: pull }, terms }) }
  if (model !== undefined) return { request: check({ work: await chatOf(context, model), terms }) }
  const text = await readText(file!)
  if (file!.endsWith('.jsonl') || file!.endsWith('.ndjson')) return { lines: text, terms }
  const written = parseJson(text, file!)
  // Flags go before the file.
  const request = check(written)
  return { request: { ...request, terms: { ...request.terms, ...terms } } }
}

async function chatOf(context: CommandContext, model: string) {
  const prompt = textOption(context, 'prompt') ?? (await readAll(process.stdin)).trim()
  const system = textOption(context, 'system')
  const maxTokens = textOption(context, 'max-tokens')
  return {
    kind: 'chat',
    model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: prompt },
    ],
    ...(maxTokens === undefined ? {} : { maxTokens: Number(maxTokens) }),
  }
}

/** @throws {ERR_USAGE} */
export function termsOf(context: CommandContext): JobTerms {
  const privacy = privacyLabels.find((label) => label === textOption(context, 'privacy'))
  if (textOption(context, 'privacy') !== undefined && privacy === undefined)
    throw new HartonomousError('ERR_USAGE', { message: `--privacy is ${privacyLabels.join(', ')}` })
  const regions = listOption(context, 'region')
  const price = textOption(context, 'max-price')
  return {
    ...(privacy === undefined ? {} : { privacy }),
    ...(regions.length === 0 ? {} : { regions }),
    ...(price === undefined ? {} : { maxPriceWei: String(price === '0' ? parseHart(price) : readAmount(price)) }),
    ...(flagOption(context, 'no-hedge') ? { hedge: false } : {}),
  }
}

function check(value: unknown): SubmitRequest {
  return parsePart(submitRequest, value, 'body')
}

/** `-`: stdin. @throws {ERR_IO} */
export async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8')
  } catch (error) {
    throw new HartonomousError('ERR_IO', { path: file, reason: (error as Error).message }, { cause: error })
  }
}

/** @throws {ERR_USAGE} */
export function parseJson(text: string, what: string): ReturnType<typeof JSON.parse> {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HartonomousError('ERR_USAGE', { message: `${what} is not JSON: ${(error as Error).message}` })
  }
}

export async function readJson(file: string): Promise<ReturnType<typeof JSON.parse>> {
  return parseJson(await readText(file), file)
}
