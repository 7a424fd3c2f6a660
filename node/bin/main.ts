/** The executable: arguments in, exit status out. */
import { commands } from '../cli/commands/index.ts'
import { runCli } from '../cli/run.ts'

const controller = new AbortController()
let signals = 0
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first asks for an orderly end, the second does not wait for it.
    if (++signals > 1) process.exit(130)
    controller.abort(new Error(name))
  })
}
// A reader that went away (`hart models ls | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runCli(process.argv.slice(2), {
  commands,
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
})
