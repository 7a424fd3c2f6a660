/** The file that anvil writes whole, every few seconds and at its end: killed in between, it leaves half of one. */
import { copyFile, readFile, rename } from 'node:fs/promises'

/** How a file was found. `restored`: it was damaged, and the last good copy took its place. */
export type StateFound = 'none' | 'good' | 'restored'

/** Before each start: keeps a copy of a good state, and takes the copy where the state is damaged. */
export async function secureState(path: string): Promise<StateFound> {
  const copy = `${path}.previous`
  if (await isWhole(path)) {
    await copyFile(path, `${copy}.new`)
    await rename(`${copy}.new`, copy)
    return 'good'
  }
  if (await isWhole(copy)) {
    await rename(path, `${path}.damaged`).catch(() => {})
    await copyFile(copy, path)
    return 'restored'
  }
  return 'none'
}

async function isWhole(path: string): Promise<boolean> {
  try {
    JSON.parse(await readFile(path, 'utf8'))
    return true
  } catch {
    return false
  }
}
