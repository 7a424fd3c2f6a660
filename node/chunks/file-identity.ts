/** What a file must still look like for its hashes to hold, and how a change of it is told. */
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import { HartonomousError } from '#protocol/errors.ts'
import type { FileIdentity } from './types.ts'

export function identityFromStat(stats: BigIntStats): FileIdentity {
  return {
    device: stats.dev.toString(),
    inode: stats.ino.toString(),
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs.toString(),
  }
}

/** As it is kept in the store; equal texts are equal identities. */
export function identityText({ device, inode, sizeBytes, mtimeNs }: FileIdentity): string {
  return JSON.stringify({ device, inode, sizeBytes, mtimeNs })
}

export async function identityOfHandle(handle: FileHandle): Promise<FileIdentity> {
  return identityFromStat(await handle.stat({ bigint: true }))
}

/** `undefined`: the same file. Otherwise what changed, for a person. */
export function identityDifference(expected: FileIdentity, actual: FileIdentity): string | undefined {
  if (expected.device !== actual.device || expected.inode !== actual.inode) return 'another file stands in its place'
  if (expected.sizeBytes !== actual.sizeBytes) {
    return `its size changed from ${expected.sizeBytes} to ${actual.sizeBytes} bytes`
  }
  return expected.mtimeNs === actual.mtimeNs ? undefined : 'it was modified'
}

/**
 * Looks at both the open file and whatever the path names now: a file can be written to, or replaced by another.
 * @returns why the file no longer is what was hashed, or `undefined`.
 */
export async function identityChange(
  path: string,
  handle: FileHandle,
  expected: FileIdentity,
): Promise<string | undefined> {
  try {
    const open = identityDifference(expected, await identityOfHandle(handle))
    return open ?? identityDifference(expected, identityFromStat(await stat(path, { bigint: true })))
  } catch (error) {
    return isMissing(error) ? 'it was deleted' : `it cannot be read: ${reasonOf(error)}`
  }
}

export function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An operating-system error as ours: a full disk is told apart, everything else is ERR_IO. */
export function ioError(path: string, error: unknown, neededBytes = 0): HartonomousError {
  const code = (error as { code?: unknown } | null)?.code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HartonomousError('ERR_DISK_FULL', { path, neededBytes }, { cause: error })
  }
  return new HartonomousError('ERR_IO', { path, reason: reasonOf(error) }, { cause: error })
}
