/** Checkpoints of running workflows: where a thread stands, and what its steps wrote since. Values are opaque bytes. */
export interface CheckpointRow {
  thread: string
  /** Of a graph within a graph; empty for the outer one. */
  namespace: string
  /** Sorts by time within (thread, namespace). */
  checkpointId: string
  parentId?: string
  checkpoint: Uint8Array
  metadata: Uint8Array
}

export interface CheckpointWrite {
  taskId: string
  index: number
  channel: string
  value: Uint8Array
}

export interface CheckpointStore {
  putCheckpoint(row: CheckpointRow): Promise<void>
  /** The newest, unless an id is given. */
  getCheckpoint(thread: string, namespace: string, checkpointId?: string): Promise<CheckpointRow | undefined>
  /** Newest first, 100 unless given. A page of large ones is short (`checkpointPageBytesMax`): only an empty one is the last. */
  listCheckpoints(
    thread: string,
    page: { namespace?: string; before?: string; limit?: number },
  ): Promise<CheckpointRow[]>
  /** Put by (task, index). */
  putCheckpointWrites(thread: string, namespace: string, checkpointId: string, writes: CheckpointWrite[]): Promise<void>
  listCheckpointWrites(thread: string, namespace: string, checkpointId: string): Promise<CheckpointWrite[]>
  removeThread(thread: string): Promise<void>
}
