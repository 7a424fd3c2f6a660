/** MODEL of the commands that look into weights: a file is opened here, anything else is asked of the running node. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'

/** The absolute path where `text` names a file; a name without one is the node's. */
export function modelPath(text: string): string | undefined {
  const isFile = statSync(text, { throwIfNoEntry: false })?.isFile() === true
  return isFile || /\.gguf$/i.test(text) ? resolve(text) : undefined
}
