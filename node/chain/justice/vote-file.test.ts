import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readVote, saveVote, type Vote } from './vote-file.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-votes-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const hash = (byte: string) => `0x${byte.repeat(32)}`
const vote: Vote = { id: hash('ab'), round: 0, juror: `0x${'11'.repeat(20)}`, isGuilty: true, salt: hash('cd') }

test('vote file: what was saved is read again, by its commitment, and nothing replaces it', async () => {
  await saveVote(folder, hash('01'), vote)
  await saveVote(folder, hash('02'), { ...vote, isGuilty: false })
  expect(await readVote(folder, hash('01'))).toEqual(vote)
  await saveVote(folder, hash('01'), { ...vote, salt: hash('ef') })
  expect(await readVote(folder, hash('01'))).toEqual(vote)
  expect((await stat(join(folder, `${'01'.repeat(32)}.json`))).mode & 0o777).toBe(0o600)
})

test('vote file: one that is missing or damaged is named', async () => {
  const path = join(folder, `${'03'.repeat(32)}.json`)
  await expect(readVote(folder, hash('03'))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', fields: { id: path } })
  for (const content of ['', '{', '{}', JSON.stringify({ ...vote, salt: 'x' })]) {
    await writeFile(path, content, { mode: 0o600 })
    await expect(readVote(folder, hash('03'))).rejects.toMatchObject({ code: 'ERR_KEY', fields: { key: path } })
  }
})
