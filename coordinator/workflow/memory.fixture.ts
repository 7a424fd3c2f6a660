/** A checkpoint store that vanishes. */
import type { CheckpointRow, CheckpointStore, CheckpointWrite } from '#sql/store/checkpoint-row.ts'

export class MemoryCheckpoints implements CheckpointStore {
  readonly rows: CheckpointRow[] = []
  readonly writes = new Map<string, CheckpointWrite[]>()

  async putCheckpoint(row: CheckpointRow): Promise<void> {
    this.rows.push(row)
  }

  async getCheckpoint(thread: string, namespace: string, checkpointId?: string): Promise<CheckpointRow | undefined> {
    const rows = await this.listCheckpoints(thread, { namespace })
    return checkpointId === undefined ? rows[0] : rows.find((row) => row.checkpointId === checkpointId)
  }

  async listCheckpoints(
    thread: string,
    page: { namespace?: string; before?: string; limit?: number },
  ): Promise<CheckpointRow[]> {
    return this.rows
      .filter((row) => row.thread === thread && (page.namespace === undefined || row.namespace === page.namespace))
      .filter((row) => page.before === undefined || row.checkpointId < page.before)
      .sort((a, b) => (a.checkpointId < b.checkpointId ? 1 : -1))
      .slice(0, page.limit)
  }

  async putCheckpointWrites(thread: string, ns: string, id: string, writes: CheckpointWrite[]): Promise<void> {
    const key = JSON.stringify([thread, ns, id])
    const known = (this.writes.get(key) ?? []).filter(
      (one) => !writes.some((write) => write.taskId === one.taskId && write.index === one.index),
    )
    this.writes.set(key, [...known, ...writes])
  }

  async listCheckpointWrites(thread: string, ns: string, id: string): Promise<CheckpointWrite[]> {
    return this.writes.get(JSON.stringify([thread, ns, id])) ?? []
  }

  async removeThread(thread: string): Promise<void> {
    this.rows.splice(0, this.rows.length, ...this.rows.filter((row) => row.thread !== thread))
    for (const key of this.writes.keys()) if (JSON.parse(key)[0] === thread) this.writes.delete(key)
  }
}
