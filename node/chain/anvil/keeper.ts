/**
 * Stands between a node and its local chain: when the node dies, however it dies, its end of the pipe closes, and the chain
 * is told to write its state and stop. Arguments: the program, and what it is given.
 */
import { spawn } from 'node:child_process'

const [program, ...given] = process.argv.slice(2)
const chain = spawn(program!, given, { stdio: ['ignore', 'inherit', 'inherit'] })
chain.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
chain.on('exit', (code) => process.exit(code ?? 1))
process.stdin.on('close', () => chain.kill('SIGTERM'))
process.stdin.resume()
// A signal for the whole group reaches the chain by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => chain.kill('SIGTERM'))
