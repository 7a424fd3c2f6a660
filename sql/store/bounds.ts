/** What is checked of values before they are written, so that every engine takes the same ones. */
import { HartonomousError } from '#protocol/errors.ts'

/** @throws {ERR_LIMIT} */
export function atMost(what: string, actual: number, limit: number): void {
  if (actual > limit) throw new HartonomousError('ERR_LIMIT', { what, limit, actual })
}

export function wrong(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message })
}

/** A text that names something. @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkName(what: string, text: string, bytesMax: number): void {
  if (text === '') throw wrong(`${what} is empty`)
  checkText(what, text, bytesMax)
}

/** Gives back its size in bytes. @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkText(what: string, text: string, bytesMax: number): number {
  if (!text.isWellFormed()) throw wrong(`${what} is no valid text`)
  const sizeBytes = Buffer.byteLength(text)
  atMost(`bytes of ${what}`, sizeBytes, bytesMax)
  return sizeBytes
}

/** JSON of an object: the engines look whether it is whole. Gives back its size in bytes. @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkObjectText(what: string, text: string, bytesMax: number): number {
  if (!text.startsWith('{')) throw wrong(`${what} is no JSON object`)
  return checkText(what, text, bytesMax)
}

/** @throws {ERR_USAGE} */
export function checkCount(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw wrong(`${what}: ${value}`)
}

/** @throws {ERR_USAGE} */
export function checkHash(what: string, hash: Uint8Array): void {
  if (!(hash instanceof Uint8Array) || hash.length !== 32) throw wrong(`${what} is not of 32 bytes`)
}

/** How many rows a page may have. @throws {ERR_USAGE} */
export function pageLimit(what: string, limit: number, rowsMax: number): number {
  if (!Number.isSafeInteger(limit) || limit < 1) throw wrong(`a page of ${limit} ${what}`)
  return Math.min(limit, rowsMax)
}

/** Of rows in order, as many as have these bytes together; the first in any case. */
export function withinBytes<T extends { sizeBytes: number }>(rows: readonly T[], bytesMax: number): T[] {
  let sum = 0
  const end = rows.findIndex(({ sizeBytes }, at) => {
    sum += sizeBytes
    return at > 0 && sum > bytesMax
  })
  return end < 0 ? [...rows] : rows.slice(0, end)
}
