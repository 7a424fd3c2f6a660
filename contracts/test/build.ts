import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const script = fileURLToPath(new URL('../../scripts/contracts.ts', import.meta.url))

/** Runs a command of Hardhat; throws, with what it printed, when it fails. */
export async function runHardhat(...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { maxBuffer: 64 * 2 ** 20 })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`hardhat ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}

/** Once before the tests of this room: compiles what has changed. */
export async function setup(): Promise<void> {
  await runHardhat('build')
}
