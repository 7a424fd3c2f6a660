import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { jobTextBytesMax, workflowValueDepthMax } from '#protocol/limits.ts'
import { defineTool } from './tool.ts'

export const parseJson = defineTool({
  name: 'parse-json',
  description: 'The value of a JSON text; a fence of Markdown around it, as models write it, is taken off.',
  args: z.strictObject({ text: z.string().max(jobTextBytesMax) }),
  run: ({ text }) => jsonIn(text, 'the text'),
})

/** Also what a model wrote, with a fence around it. @throws {ERR_DECODE} that says where */
export function jsonIn(text: string, what: string): unknown {
  const fenced = /```(?:json)?[^\S\n]*\n([\s\S]*?)\n[^\S\n]*```/.exec(text)
  const [body, start] = fenced === null ? [text, 0] : [fenced[1]!, fenced.index]
  const deepAt = depthOverAt(body)
  if (deepAt >= 0) throw refusal(what, start + deepAt, `nested deeper than ${workflowValueDepthMax}`)
  try {
    return JSON.parse(body) as unknown
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    // For some errors V8 tells no position, but quotes the place.
    throw refusal(what, start + Number(/position (\d+)/.exec(reason)?.[1] ?? 0), reason)
  }
}

function refusal(what: string, offset: number, reason: string): HartonomousError {
  return new HartonomousError('ERR_DECODE', { what, field: 'json', offset, reason })
}

/** Where brackets nest too deep, -1 where they do not. Those in strings do not count. */
function depthOverAt(text: string): number {
  let depth = 0
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/g)) {
    const [token] = match
    if (token === '[' || token === '{') depth++
    else if (token === ']' || token === '}') depth--
    if (depth > workflowValueDepthMax) return match.index
  }
  return -1
}
