import { z } from 'zod'
import { jobTextBytesMax, workflowItemsMax } from '#protocol/limits.ts'
import { textOf } from '../plan/template.ts'
import { defineTool } from './tool.ts'

export const joinText = defineTool({
  name: 'join-text',
  description: 'Joins a list to one text, an empty line between them; keepLastBytes cuts the beginning off.',
  args: z.strictObject({
    texts: z.array(z.json()).max(workflowItemsMax),
    separator: z.string().max(1024).optional(),
    keepLastBytes: z.int().min(1).max(jobTextBytesMax).optional(),
  }),
  run: ({ texts, separator = '\n\n', keepLastBytes }) => {
    const said = texts.map(textOf).filter((text) => text !== '')
    return keepLast(said.join(separator), keepLastBytes)
  },
})

/** Begins with a whole character, and with a whole word where there is one. */
function keepLast(text: string, bytes = Number.POSITIVE_INFINITY): string {
  const all = Buffer.from(text)
  if (all.length <= bytes) return text
  let from = all.length - bytes
  // Bytes 10xxxxxx go on with a character that began before.
  while ((all[from]! & 0xc0) === 0x80) from++
  const kept = all.toString('utf8', from)
  const space = /\s/.test(String.fromCharCode(all[from - 1]!)) ? -1 : kept.search(/\s/)
  return kept.slice(space + 1)
}
