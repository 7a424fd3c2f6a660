/** The command line in the test's own process, with what it wrote. */
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { commands } from './commands/index.ts'
import { runCli } from './run.ts'

export interface Outcome {
  status: number
  stdout: string
  stderr: string
}

class Capture extends Writable {
  text = ''
  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.text += part.toString()
    done()
  }
}

/** In a data folder of its own, with its own configuration and no terminal. */
export async function hartIn(
  folder: string,
  argv: readonly string[],
  environment: Record<string, string> = {},
): Promise<Outcome> {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const status = await runCli(argv, {
    commands,
    environment: { HARTONOMOUS_DATA_DIR: folder, HARTONOMOUS_CONFIG: join(folder, 'config.json'), ...environment },
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    signal: new AbortController().signal,
  })
  return { status, stdout: stdout.text, stderr: stderr.text }
}
