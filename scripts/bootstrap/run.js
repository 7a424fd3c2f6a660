/**
 * What every npm script starts with: `node scripts/bootstrap/run.js TARGET [arguments]`.
 *
 * TARGET is a file of this repository (`node/bin/main.ts`) or the name of an installed package whose command is meant
 * (`vitest`, `@biomejs/biome`). Brings what is missing first; once done, this costs one process and one hash.
 */
import { readFileSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addonIsSettled } from './native.js'
import { findNode, missingCudaPackages, packagesAreReady, readToolchain, repositoryRoot } from './runtime.js'
import { pagesAreSettled } from './web.js'

/** The file that TARGET means; a name with an ending is a file, anything else a package. */
function targetFile(root, target) {
  if (/\.[cm]?[jt]s$/.test(target)) return resolve(root, target)
  const folder = join(root, 'node_modules', target)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const name = target.slice(target.lastIndexOf('/') + 1)
  return join(folder, typeof bin === 'string' ? bin : bin[name])
}

export async function run(target, args, root = repositoryRoot) {
  const toolchain = readToolchain(root)
  let node = findNode(root, toolchain)
  const isComplete = node && packagesAreReady(root, node.version) && missingCudaPackages(root, toolchain).length === 0
  if (!(isComplete && addonIsSettled(root) && pagesAreSettled(root)))
    node = await (await import('./prepare.js')).prepare(root)
  const { launch } = await import('./launch.js')
  return launch(node.path, [targetFile(root, target), ...args])
}

export async function main(target, args) {
  try {
    process.exitCode = await run(target, args)
  } catch (error) {
    if (error.remedy === undefined) throw error
    process.stderr.write(`error: ${error.message}\n  fix: ${error.remedy}\n`)
    process.exitCode = 1
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [target, ...args] = process.argv.slice(2)
  if (target === undefined) {
    process.stderr.write('usage: node scripts/bootstrap/run.js TARGET [arguments]\n')
    process.exitCode = 2
  } else await main(target, args)
}
