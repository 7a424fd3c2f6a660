/**
 * `npm run build:native`: the C++ addon of `native/`, by CMake, into `native/build/` (git-ignored). `--sanitize` builds and
 * runs a check of the kernels under the address and undefined-behaviour sanitizers instead.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { buildAddon } from './bootstrap/native.js'
import { repositoryRoot } from './bootstrap/runtime.js'

function sanitize() {
  const folder = join(repositoryRoot, 'native', 'build', 'sanitize')
  const steps = [
    ['cmake', ['-S', join(repositoryRoot, 'native'), '-B', folder, '-DHART_SANITIZE=ON']],
    ['cmake', ['--build', folder]],
    [join(folder, 'kernels-check'), []],
  ]
  for (const [command, args] of steps) {
    const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
    if (error !== undefined) process.stderr.write(`${command}: ${error.message}\n`)
    if (status !== 0) return 1
  }
  return 0
}

if (process.argv.includes('--sanitize')) process.exitCode = sanitize()
else {
  const problem = buildAddon(repositoryRoot, { stdio: 'inherit' })
  process.stderr.write(`${problem ?? 'native/build/hartonomous.node is ready'}\n`)
  process.exitCode = problem === undefined ? 0 : 1
}
