/** Cuts texts where sentences end, so that each part fits a model's context. */
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { jobTextBytesMax, workflowItemsMax } from '#protocol/limits.ts'
import { defineTool } from './tool.ts'

const text = z.string().max(jobTextBytesMax)
const named = z.object({ name: z.string().max(1024), text })
const sizeBytesDefault = 2000

export const splitText = defineTool({
  name: 'split-text',
  description: 'Cuts a text, or a list of {name, text}, into parts of at most sizeBytes that end with a sentence.',
  args: z.strictObject({
    text: z.union([text, z.array(named).max(workflowItemsMax)]),
    sizeBytes: z.int().min(64).max(jobTextBytesMax).optional(),
  }),
  run: ({ text: given, sizeBytes = sizeBytesDefault }) => {
    const texts = typeof given === 'string' ? [{ name: '', text: given }] : given
    const parts = texts.flatMap(({ name, text: whole }) =>
      partsOf(whole, sizeBytes).map((part, at) => ({ name, part: at + 1, text: part })),
    )
    if (parts.length <= workflowItemsMax) return parts
    throw new HartonomousError('ERR_LIMIT', { what: 'parts of a text', limit: workflowItemsMax, actual: parts.length })
  },
})

/** Joined they are the text again. A sentence that is too long is cut between words, a word between characters. */
export function partsOf(text: string, sizeBytes: number): string[] {
  const parts: string[] = []
  let part = ''
  let partBytes = 0
  for (const piece of piecesOf(text, sizeBytes, 'sentence')) {
    const bytes = Buffer.byteLength(piece)
    if (partBytes + bytes > sizeBytes && part !== '') {
      parts.push(part)
      part = ''
      partBytes = 0
    }
    part += piece
    partBytes += bytes
  }
  if (part !== '') parts.push(part)
  return parts
}

const finer = { sentence: 'word', word: 'grapheme' } as const

function* piecesOf(text: string, sizeBytes: number, granularity: 'sentence' | 'word' | 'grapheme'): Generator<string> {
  for (const { segment } of new Intl.Segmenter('en', { granularity }).segment(text)) {
    if (Buffer.byteLength(segment) <= sizeBytes) yield segment
    // A character may be of any number of marks: in the end code points count.
    else if (granularity === 'grapheme') yield* segment
    else yield* piecesOf(segment, sizeBytes, finer[granularity])
  }
}
