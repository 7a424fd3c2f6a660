/** The executable of a coordinator: arguments in, exit status out. `hart coordinator up` starts it. */
import { runCoordinator } from '../runtime/run.ts'

const controller = new AbortController()
let signals = 0
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first asks for an orderly end, the second does not wait for it.
    if (++signals > 1) process.exit(130)
    controller.abort(new Error(name))
  })
}
// A reader that went away is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runCoordinator(process.argv.slice(2), {
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
})
