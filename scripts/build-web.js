/** `npm run build:web`: the pages of the explorer, with all that Vite has to say. The bootstrap does the same by itself. */

import { repositoryRoot } from './bootstrap/runtime.js'
import { buildPages } from './bootstrap/web.js'

const problem = buildPages(repositoryRoot, process.execPath, { stdio: 'inherit' })
if (problem !== undefined) {
  process.stderr.write(`error: ${problem}\n`)
  process.exitCode = 1
}
