/** `hart run MODEL PROMPT`: one answer, streamed, from this node or the best peer. */
import { text as readAll } from 'node:stream/consumers'
import { HartonomousError } from '#protocol/errors.ts'
import { streamAnswer } from '../answer.ts'
import { type Command, textOption } from '../command.ts'
import { printable } from '../wrap.ts'

export const runPrompt: Command = {
  name: 'run',
  summary: 'Ask a model; the answer streams to stdout. Without a prompt it is read from stdin.',
  usage: 'MODEL [PROMPT…]',
  positionalsMin: 1,
  positionalsMax: 256,
  options: {
    temperature: { type: 'string' },
    'max-tokens': { type: 'string' },
    seed: { type: 'string' },
    system: { type: 'string' },
  },
  optionHelp: {
    temperature: { value: 'T', help: '0 (default) is greedy' },
    'max-tokens': { value: 'N', help: 'length of the answer (default 256)' },
    seed: { value: 'N', help: 'same seed, same answer' },
    system: { value: 'TEXT', help: 'system message' },
  },
  examples: ['hart run hartling-f16 "What is Hartonomous?"', 'echo "Hello!" | hart run hartling-f16'],
  async run(context) {
    const { output, positionals } = context
    const client = await context.connect()
    const prompt = positionals.length > 1 ? positionals.slice(1).join(' ') : (await readAll(process.stdin)).trim()
    if (prompt === '') throw new HartonomousError('ERR_USAGE', { message: 'there is no prompt' })
    const system = textOption(context, 'system')
    const seed = textOption(context, 'seed')
    let answer = ''
    let peer = 'self'
    const request = {
      model: positionals[0]!,
      prompt,
      ...(system === undefined ? {} : { system }),
      temperature: numberOption('temperature', textOption(context, 'temperature') ?? '0'),
      maxTokens: numberOption('max-tokens', textOption(context, 'max-tokens') ?? '256'),
      ...(seed === undefined ? {} : { seed: numberOption('seed', seed) }),
    }
    for await (const part of streamAnswer(client, request)) {
      answer += part.text
      peer = part.peer
      if (!output.json) output.write(output.isTerminal ? printable(part.text) : part.text)
    }
    if (output.json) output.value({ answer, peer })
    else output.line()
    return 0
  },
}

function numberOption(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value)) throw new HartonomousError('ERR_USAGE', { message: `--${name} takes a number` })
  return value
}
