/** The keys of a local chain: twelve words of its own, never the ones that everybody knows. 0600 in the folder of the chain. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Mnemonic } from 'ethers'
import { HartonomousError } from '#protocol/errors.ts'

/** Two that start at once end up with the same words. @throws {ERR_CONFIG} {ERR_IO} */
export async function loadOrCreateMnemonic(path: string): Promise<Mnemonic> {
  const known = await readWords(path)
  if (known !== undefined) return known
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(`${Mnemonic.entropyToPhrase(randomBytes(16))}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    // Fails where someone else was first.
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } catch (error) {
    throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
  } finally {
    await unlink(temporary).catch(() => {})
  }
  return (await readWords(path))!
}

async function readWords(path: string): Promise<Mnemonic | undefined> {
  let text: string
  try {
    text = (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
  }
  if (Mnemonic.isValidMnemonic(text)) return Mnemonic.fromPhrase(text)
  throw new HartonomousError('ERR_CONFIG', { key: path, reason: 'it does not hold the words of a key' })
}
