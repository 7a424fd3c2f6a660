/** Threads of running workflows: the checkpoints of each, and what its steps wrote since. */
import {
  checkpointBytesMax,
  checkpointIdBytesMax,
  checkpointNamespaceBytesMax,
  checkpointPageBytesMax,
  checkpointPageRowsMax,
  checkpointThreadBytesMax,
  checkpointWritesPerPutMax,
} from '#protocol/limits.ts'
import { atMost, checkName, checkText, pageLimit, withinBytes, wrong } from './bounds.ts'
import type { CheckpointRow, CheckpointWrite } from './checkpoint-row.ts'
import type { TenantSession } from './executor.ts'
import type { StoredThreadCheckpoint } from './statements.ts'

const pageRowsDefault = 100
/** Behind every id: a character that no text has. */
const lastCheckpointId = '\u{10ffff}'

interface Place {
  thread: string
  namespace: string
  checkpointId: string
}

function checkPlace({ thread, namespace, checkpointId }: Place): void {
  checkName('the thread of a workflow', thread, checkpointThreadBytesMax)
  checkText('the namespace of a checkpoint', namespace, checkpointNamespaceBytesMax)
  checkName('the id of a checkpoint', checkpointId, checkpointIdBytesMax)
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export async function putThreadCheckpoint(x: TenantSession, row: CheckpointRow): Promise<void> {
  const { thread, namespace, checkpointId, parentId, checkpoint, metadata } = row
  checkPlace(row)
  if (parentId !== undefined) checkName('the id of a checkpoint', parentId, checkpointIdBytesMax)
  const sizeBytes = checkpoint.length + metadata.length
  atMost('bytes of a checkpoint', sizeBytes, checkpointBytesMax)
  const place = { thread, namespace, checkpointId, parentId: parentId ?? null }
  await x.run('putThreadCheckpoint', { ...place, checkpoint, metadata, sizeBytes })
}

export async function getThreadCheckpoint(
  x: TenantSession,
  thread: string,
  namespace: string,
  checkpointId: string | undefined,
): Promise<CheckpointRow | undefined> {
  const newest = { thread, namespace, beforeCheckpointId: lastCheckpointId, limit: 1 }
  const id = checkpointId ?? (await x.get('listThreadCheckpointsOf', newest))?.checkpointId
  const row =
    id === undefined ? undefined : await x.get('findThreadCheckpoint', { thread, namespace, checkpointId: id })
  return row === undefined ? undefined : checkpointRowOf(row)
}

/** Ids first, then as many checkpoints as a page may have of bytes. */
export async function listThreadCheckpoints(
  x: TenantSession,
  thread: string,
  { namespace, before, limit = pageRowsDefault }: { namespace?: string; before?: string; limit?: number },
): Promise<CheckpointRow[]> {
  const page = {
    thread,
    beforeCheckpointId: before ?? lastCheckpointId,
    limit: pageLimit('checkpoints', limit, checkpointPageRowsMax),
  }
  const found =
    namespace === undefined
      ? await x.all('listThreadCheckpoints', page)
      : await x.all('listThreadCheckpointsOf', { ...page, namespace })
  const rows: CheckpointRow[] = []
  for (const { sizeBytes: _, ...place } of withinBytes(found, checkpointPageBytesMax))
    rows.push(checkpointRowOf((await x.get('findThreadCheckpoint', { thread, ...place }))!))
  return rows
}

function checkpointRowOf({ parentId, ...row }: StoredThreadCheckpoint): CheckpointRow {
  return parentId === null ? row : { ...row, parentId }
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export async function putCheckpointWrites(
  x: TenantSession,
  place: Place,
  writes: readonly CheckpointWrite[],
): Promise<void> {
  checkPlace(place)
  atMost('writes of one put', writes.length, checkpointWritesPerPutMax)
  const sizeBytes = writes.reduce((sum, { value }) => sum + value.length, 0)
  atMost('bytes of the writes of one put', sizeBytes, checkpointBytesMax)
  for (const { taskId, index, channel } of writes) {
    checkName('the task of a write', taskId, checkpointIdBytesMax)
    checkText('the channel of a write', channel, checkpointNamespaceBytesMax)
    if (!Number.isSafeInteger(index)) throw wrong(`the index of a write: ${index}`)
  }
  await x.runMany(
    'putCheckpointWrite',
    writes.map(({ taskId, index, channel, value }) => ({ ...place, taskId, ordinal: index, channel, bytes: value })),
  )
}

export async function listCheckpointWrites(x: TenantSession, place: Place): Promise<CheckpointWrite[]> {
  const rows = await x.all('listCheckpointWrites', place)
  return rows.map(({ taskId, ordinal, channel, bytes }) => ({ taskId, index: ordinal, channel, value: bytes }))
}

export async function removeThread(x: TenantSession, thread: string): Promise<void> {
  await x.run('deleteThreadWrites', { thread })
  await x.run('deleteThreadCheckpoints', { thread })
}
