/** `node scripts/generate/abi.ts`: compiles the contracts and writes what a node needs of them to `contracts/abi`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { CONTRACT_NAMES } from '../../contracts/abi/deployment.ts'
import { setup as build } from '../../contracts/test/build.ts'
import { artifactOf } from '../../contracts/test/chain.ts'
import { committedFile, committedText } from '../../contracts/test/committed.ts'

await build()
for (const name of CONTRACT_NAMES) {
  const [file, text] = [committedFile(name), committedText(await artifactOf(name))]
  const before = readTextOf(file)
  if (before !== text) writeFileSync(file, text)
  console.log(`contracts/abi/${name}.json ${before === text ? 'as it was' : 'written'}, ${text.length} bytes`)
}

function readTextOf(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
