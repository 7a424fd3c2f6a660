/** Starts a program in place of this one: same terminal, same signals, same exit. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { childEnvironment } from './runtime.js'

/** npm passes on a signal that the terminal has sent to the whole group as well; the copies arrive within this time. */
const SIGNAL_REPEAT_MS = 1_000

/** Resolves with the exit code; where the program was ended by a signal, this process ends by the same one. */
export function launch(nodePath, args) {
  const child = spawn(nodePath, args, { stdio: 'inherit', env: childEnvironment(nodePath) })
  const lastMs = new Map()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const isRepeat = Date.now() - (lastMs.get(signal) ?? 0) < SIGNAL_REPEAT_MS
      const isFirst = !lastMs.has(signal)
      lastMs.set(signal, Date.now())
      if (isRepeat || process.platform === 'win32') return
      // Ctrl-C reaches the program straight from the terminal. A later, separate SIGINT is sent on in any case.
      if (signal === 'SIGINT' && isFirst && isTerminalForeground()) return
      child.kill(signal)
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (signal === null) return resolve(code)
      process.removeAllListeners(signal)
      if (['SIGINT', 'SIGTERM', 'SIGHUP'].includes(signal)) process.kill(process.pid, signal)
      resolve(128 + (constants.signals[signal] ?? 0))
    })
  })
}

/** Whether our process group is the one that the terminal sends Ctrl-C to (proc_pid_stat(5), fields 5, 7 and 8). */
function isTerminalForeground() {
  try {
    const text = readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , terminal, foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return terminal !== '0' && group === foreground
  } catch {
    return Boolean(process.stdin.isTTY)
  }
}
