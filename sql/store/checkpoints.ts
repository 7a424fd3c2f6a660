/** How far the hashing of a file has come, so that a kill costs little. Leaves are kept in blocks: a save writes the tail. */
import { HartonomousError } from '#protocol/errors.ts'
import { ingestCheckpointsMax, leavesPerBlock } from '#protocol/limits.ts'
import type { TenantSession } from './executor.ts'
import { leafBytes } from './layout.ts'
import type { IngestCheckpoint } from './types.ts'

export async function saveCheckpoint(x: TenantSession, checkpoint: IngestCheckpoint, atMs: number): Promise<void> {
  const { path, identity, leaves } = checkpoint
  if (leaves.length % leafBytes !== 0) {
    throw new HartonomousError('ERR_USAGE', {
      message: `${leaves.length} bytes of leaves are no whole number of hashes`,
    })
  }
  const leafCount = leaves.length / leafBytes
  const known = await x.get('findCheckpoint', { path })
  const isLonger = known !== undefined && known.identity === identity && known.leafCount <= leafCount
  const fromBlock = isLonger ? Math.floor(known.leafCount / leavesPerBlock) : 0
  await x.run('putCheckpoint', { path, identity, leafCount, atMs })
  await x.run('deleteCheckpointLeaves', { path, fromBlock })
  const blockBytes = leavesPerBlock * leafBytes
  for (let block = fromBlock; block * blockBytes < leaves.length; block++) {
    const part = leaves.subarray(block * blockBytes, (block + 1) * blockBytes)
    await x.run('insertCheckpointLeaves', { path, block, leaves: part })
  }
  await x.run('deleteOldCheckpoints', { keep: ingestCheckpointsMax })
}

export async function getCheckpoint(x: TenantSession, path: string): Promise<IngestCheckpoint | undefined> {
  const known = await x.get('findCheckpoint', { path })
  if (known === undefined) return undefined
  const blocks = await x.all('listCheckpointLeaves', { path })
  const leaves = new Uint8Array(blocks.reduce((sum, block) => sum + block.leaves.length, 0))
  let at = 0
  for (const block of blocks) {
    leaves.set(block.leaves, at)
    at += block.leaves.length
  }
  if (at !== known.leafCount * leafBytes) {
    throw new HartonomousError('ERR_STORE_CORRUPT', { reason: `the checkpoint of ${path} has ${at} bytes of leaves` })
  }
  return { path, identity: known.identity, leaves }
}
