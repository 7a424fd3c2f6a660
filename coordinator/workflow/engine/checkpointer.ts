/** LangGraph's checkpoints in the shard database. */
import type { RunnableConfig } from '@langchain/core/runnables'
import {
  BaseCheckpointSaver,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  compareWritesSortKeys,
  copyCheckpoint,
  getCheckpointId,
  type PendingWrite,
  WRITES_IDX_MAP,
  writesSortKey,
} from '@langchain/langgraph-checkpoint'
import { HartonomousError } from '#protocol/errors.ts'
import type { CheckpointRow, CheckpointStore } from '#sql/store/checkpoint-row.ts'
import { plainJson } from './plain-json.ts'

/** Rows read at once while a listing goes on. */
const pageRows = 50

interface StoredWrite {
  /** Where LangGraph's order of writes begins: kept with the value, because the row has no column for it. */
  taskPath: string
  value: unknown
}

export class Checkpointer extends BaseCheckpointSaver {
  readonly #store: CheckpointStore

  constructor(store: CheckpointStore) {
    super(plainJson)
    this.#store = store
  }

  async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread, namespace = '' } = placeOf(config)
    const id = getCheckpointId(config)
    const row = await this.#store.getCheckpoint(thread, namespace, id === '' ? undefined : id)
    return row === undefined ? undefined : this.#tupleOf(row)
  }

  async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { thread, namespace, checkpointId } = placeOf(config)
    let left = options.limit ?? Number.POSITIVE_INFINITY
    let before = options.before?.configurable?.['checkpoint_id'] as string | undefined
    for (;;) {
      const rows = await this.#store.listCheckpoints(thread, {
        limit: pageRows,
        ...(namespace === undefined ? {} : { namespace }),
        ...(before === undefined ? {} : { before }),
      })
      for (const row of rows) {
        if (checkpointId !== undefined && row.checkpointId !== checkpointId) continue
        const tuple = await this.#tupleOf(row)
        if (!isMatch(tuple.metadata, options.filter)) continue
        if (left-- <= 0) return
        yield tuple
      }
      // A page of large ones is short, and yet not the last.
      if (rows.length === 0) return
      before = rows.at(-1)!.checkpointId
    }
  }

  async put(config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata): Promise<RunnableConfig> {
    const { thread, namespace = '', checkpointId: parentId } = placeOf(config)
    await this.#store.putCheckpoint({
      thread,
      namespace,
      checkpointId: checkpoint.id,
      ...(parentId === undefined ? {} : { parentId }),
      checkpoint: plainJson.encode(copyCheckpoint(checkpoint)),
      metadata: plainJson.encode(metadata),
    })
    return configOf({ thread, namespace, checkpointId: checkpoint.id })
  }

  async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string, taskPath = ''): Promise<void> {
    const { thread, namespace = '', checkpointId } = placeOf(config)
    if (checkpointId === undefined)
      throw new HartonomousError('ERR_USAGE', { message: 'writes belong to a checkpoint, and none is named' })
    const known = new Set<number>()
    for (const write of await this.#store.listCheckpointWrites(thread, namespace, checkpointId))
      if (write.taskId === taskId) known.add(write.index)
    const rows = writes.map(([channel, value], at) => ({
      taskId,
      index: WRITES_IDX_MAP[channel] ?? at,
      channel,
      value: plainJson.encode({ taskPath, value } satisfies StoredWrite),
    }))
    // What a task wrote stands; only what LangGraph says of the task itself (an error, an interrupt) may change.
    const fresh = rows.filter(({ index }) => index < 0 || !known.has(index))
    if (fresh.length > 0) await this.#store.putCheckpointWrites(thread, namespace, checkpointId, fresh)
  }

  async deleteThread(thread: string): Promise<void> {
    await this.#store.removeThread(thread)
  }

  async #tupleOf(row: CheckpointRow): Promise<CheckpointTuple> {
    const { thread, namespace, checkpointId, parentId } = row
    const stored = await this.#store.listCheckpointWrites(thread, namespace, checkpointId)
    const writes = stored.map(({ taskId, index, channel, value }) => {
      const write = plainJson.decode(value) as StoredWrite
      const pending: CheckpointPendingWrite = [taskId, channel, write.value]
      return { key: writesSortKey(write.taskPath, taskId, index), pending }
    })
    return {
      config: configOf({ thread, namespace, checkpointId }),
      checkpoint: plainJson.decode(row.checkpoint) as Checkpoint,
      metadata: plainJson.decode(row.metadata) as CheckpointMetadata,
      ...(parentId === undefined ? {} : { parentConfig: configOf({ thread, namespace, checkpointId: parentId }) }),
      pendingWrites: writes.sort((a, b) => compareWritesSortKeys(a.key, b.key)).map(({ pending }) => pending),
    }
  }
}

interface Place {
  thread: string
  namespace?: string
  checkpointId?: string
}

function placeOf(config: RunnableConfig): Place {
  const { thread_id: thread, checkpoint_ns: namespace, checkpoint_id: id } = config.configurable ?? {}
  if (typeof thread !== 'string' || thread === '')
    throw new HartonomousError('ERR_USAGE', { message: 'checkpoints belong to a thread, and none is named' })
  return {
    thread,
    ...(typeof namespace === 'string' ? { namespace } : {}),
    ...(typeof id === 'string' && id !== '' ? { checkpointId: id } : {}),
  }
}

function configOf(place: Required<Place>): RunnableConfig {
  const { thread, namespace, checkpointId } = place
  return { configurable: { thread_id: thread, checkpoint_ns: namespace, checkpoint_id: checkpointId } }
}

function isMatch(metadata: CheckpointMetadata | undefined, filter: Record<string, unknown> = {}): boolean {
  const has = (metadata ?? {}) as Record<string, unknown>
  return Object.entries(filter).every(([key, value]) => Object.hasOwn(has, key) && has[key] === value)
}
