/**
 * `npm run contracts -- COMMAND`, which is Hardhat's, with our configuration: `build`, `test solidity [PATH…]`,
 * `test solidity --coverage`. All tests of the contracts run by `npm test -- --project contracts`.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The file behind a package's command of the same name. */
function commandOf(packageName: string): string {
  const folder = join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: Record<string, string> }
  const file = bin[packageName]
  if (file === undefined) throw new Error(`${packageName} has no command of its name`)
  return join(folder, file)
}

export function runHardhat(args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const command = [commandOf('hardhat'), '--config', join(root, 'contracts/hardhat.config.ts'), ...args]
    const child = spawn(process.execPath, command, {
      cwd: root,
      stdio: 'inherit',
      // Hardhat asks about telemetry, unless told otherwise.
      env: { ...process.env, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true', ...env },
    })
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

if (import.meta.main) process.exitCode = await runHardhat(process.argv.slice(2))
