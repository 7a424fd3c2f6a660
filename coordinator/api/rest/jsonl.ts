/** Batches as lines of JSON: one item per line in, one result per line out. */

import { parsePart } from '#protocol/api/issue.ts'
import { batchItem, type JobResult, type SubmitRequest } from '#protocol/api/jobs.ts'
import type { QueryOf } from '#protocol/api/routes/index.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { batchItemsMax } from '#protocol/limits.ts'

/** An item without an id has the number of its line. @throws {ERR_USAGE} naming the line and the field */
export function batchFromLines(text: string, { kind, privacy, maxPriceWei }: QueryOf<'submitJob'>): SubmitRequest {
  if (kind !== 'batch')
    throw new HartonomousError('ERR_USAGE', { message: 'kind: a JSONL body takes ?kind=batch', param: 'kind' })
  const items = []
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    if (items.length >= batchItemsMax)
      throw new HartonomousError('ERR_LIMIT', {
        what: 'items of a batch',
        limit: batchItemsMax,
        actual: items.length + 1,
      })
    items.push(itemOf(line, at + 1))
  }
  if (items.length === 0) throw new HartonomousError('ERR_USAGE', { message: 'body: no line holds an item' })
  const terms = {
    ...(privacy === undefined ? {} : { privacy }),
    ...(maxPriceWei === undefined ? {} : { maxPriceWei }),
  }
  return { work: { kind: 'batch', items }, ...(Object.keys(terms).length === 0 ? {} : { terms }) }
}

function itemOf(line: string, number: number) {
  try {
    const value: unknown = JSON.parse(line)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return parsePart(batchItem, isObject ? { id: String(number), ...value } : value, 'body')
  } catch (error) {
    const reason = isHartonomousError(error) ? error.message : 'not JSON'
    throw new HartonomousError('ERR_USAGE', { message: `line ${number}: ${reason}`.slice(0, 300) })
  }
}

/** Of a batch each item, of any other job the one result. */
export function resultToLines(result: JobResult): string {
  const lines: readonly unknown[] = result.kind === 'batch' ? result.items : [result]
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}
