/** `npm run check`: types, lint, tidy, dead code. Prints the time of each, and runs all even when one fails. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Step {
  name: string
  /** A script to run under this Node, and its arguments. */
  file: string
  args: readonly string[]
}

interface StepResult {
  name: string
  seconds: number
  isClean: boolean
  output: string
}

function commandOf(packageName: string, command: string): string {
  const folder = join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: Record<string, string> }
  const file = bin[command]
  if (file === undefined) throw new Error(`${packageName} has no command ${command}`)
  return join(folder, file)
}

function runStep({ name, file, args }: Step): Promise<StepResult> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now()
    const child = spawn(process.execPath, [file, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => {
        output += part
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      const seconds = (performance.now() - startedMs) / 1000
      resolve({ name, seconds, isClean: code === 0, output })
    })
  })
}

async function check(): Promise<boolean> {
  const steps: Step[] = [
    { name: 'types', file: commandOf('typescript', 'tsc'), args: ['--noEmit'] },
    {
      name: 'web',
      file: commandOf('typescript', 'tsc'),
      args: ['--noEmit', '--project', join(root, 'coordinator/web')],
    },
    { name: 'lint', file: commandOf('@biomejs/biome', 'biome'), args: ['check', '--error-on-warnings'] },
    { name: 'tidy', file: join(root, 'scripts/tidy.ts'), args: [] },
    { name: 'knip', file: commandOf('knip', 'knip'), args: ['--no-progress'] },
  ]
  let isClean = true
  for (const step of steps) {
    const result = await runStep(step)
    isClean &&= result.isClean
    if (!result.isClean || step.name === 'tidy') process.stdout.write(result.output)
    console.log(`${result.isClean ? 'ok  ' : 'FAIL'} ${result.name.padEnd(6)} ${result.seconds.toFixed(1)} s`)
  }
  return isClean
}

if (import.meta.main) process.exitCode = (await check()) ? 0 : 1
