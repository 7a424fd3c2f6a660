/**
 * A juror's vote between commit and reveal. The chain has only the commitment, so the salt must outlive everything that can
 * happen in between: each is a file of its own, `COMMITMENT.json`, that is there before the commitment is sent and is never
 * replaced. Which of them counts, the chain tells.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { readSecretFile, writeSecretFile } from '../keys/secret-file.ts'

const hash = z.string().regex(/^0x[0-9a-f]{64}$/)
const vote = z.strictObject({ id: hash, round: z.int(), juror: z.string(), isGuilty: z.boolean(), salt: hash })

export type Vote = z.infer<typeof vote>

/** @throws {ERR_IO} */
export async function saveVote(folder: string, commitment: string, given: Vote): Promise<void> {
  await writeSecretFile(votePath(folder, commitment), `${JSON.stringify(given)}\n`, { replace: false })
}

/** @throws {ERR_NOT_FOUND} where the vote was cast elsewhere @throws {ERR_KEY} {ERR_IO} */
export async function readVote(folder: string, commitment: string): Promise<Vote> {
  const path = votePath(folder, commitment)
  const content = await readSecretFile(path)
  if (content === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: path })
  try {
    return vote.parse(JSON.parse(content.toString('utf8')))
  } catch (error) {
    throw new HartonomousError('ERR_KEY', { key: path, reason: 'damaged: it is no vote' }, { cause: error })
  }
}

function votePath(folder: string, commitment: string): string {
  return join(folder, `${commitment.slice(2)}.json`)
}
