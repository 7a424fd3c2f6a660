/** Pages of a list that is there as a whole. */
import { pageSizeDefault } from '#protocol/api/routes/shape.ts'
import { HartonomousError } from '#protocol/errors.ts'

/** The cursor is the index of the next row, as text that nobody should read anything from. */
export function pageOf<T>(
  rows: readonly T[],
  { cursor, limit = pageSizeDefault }: { cursor?: string; limit?: number },
): { rows: T[]; nextCursor?: string } {
  const start = cursor === undefined ? 0 : indexOf(cursor)
  const end = start + limit
  const page = rows.slice(start, end)
  return end < rows.length ? { rows: page, nextCursor: Buffer.from(String(end)).toString('base64url') } : { rows: page }
}

function indexOf(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('latin1')
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw new HartonomousError('ERR_USAGE', { message: 'cursor: not one that a page gave', param: 'cursor' })
}
