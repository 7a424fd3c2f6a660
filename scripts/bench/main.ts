/**
 * `npm run bench -- NAME [arguments]`: runs `scripts/bench/NAME.ts`. Notes go to stderr; the last line on stdout is
 * `{"bench":NAME,"figures":{…},"environment":{…}}`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface BenchOptions {
  /** What stands after the name on the command line. */
  args: string[]
  log: (line: string) => void
}

/** What each file of this folder exports under the name `bench`. */
export interface Bench {
  name: string
  /** One line: what is compared with what. */
  describe: string
  run(options: BenchOptions): Promise<Record<string, number | string | boolean>>
}

const folder = dirname(fileURLToPath(import.meta.url))

/** A bench is a file beside this one; folders and tests hold its parts. */
function benchNames(): string[] {
  const names = readdirSync(folder).filter(
    (file) => /^[a-z0-9-]+\.ts$/.test(file) && file !== basename(import.meta.url),
  )
  return names.map((file) => file.slice(0, -'.ts'.length)).sort()
}

async function loadBench(name: string): Promise<Bench | undefined> {
  const { bench } = (await import(new URL(`./${name}.ts`, import.meta.url).href)) as { bench?: Bench }
  return bench
}

async function usage(): Promise<string> {
  const lines = ['usage: npm run bench -- NAME [arguments]', '']
  for (const name of benchNames()) {
    const bench = await loadBench(name)
    if (bench) lines.push(`  ${name.padEnd(14)} ${bench.describe}`)
  }
  return `${lines.join('\n')}\n`
}

function environment() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    loadavg: loadavg().map((load) => Number(load.toFixed(2))),
    commit: commit(),
  }
}

/** `-dirty` says that the figures are not those of the commit alone; undefined outside a clone. */
function commit(): string | undefined {
  try {
    const args = ['describe', '--always', '--dirty', '--exclude=*', '--abbrev=12']
    return execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

async function main(name: string | undefined, args: string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(await usage())
    return 0
  }
  const isKnown = name !== undefined && /^[a-z0-9-]+$/.test(name) && existsSync(join(folder, `${name}.ts`))
  const bench = isKnown && name !== 'main' ? await loadBench(name) : undefined
  if (bench === undefined) {
    process.stderr.write(`${name === undefined ? 'which bench?' : `no bench is called ${name}`}\n${await usage()}`)
    return 2
  }
  // Before the run: afterwards the load is that of the bench itself.
  const before = environment()
  const figures = await bench.run({ args, log: (line) => process.stderr.write(`${line}\n`) })
  process.stdout.write(`${JSON.stringify({ bench: name, figures, environment: before })}\n`)
  return 0
}

if (import.meta.main) {
  const [name, ...args] = process.argv.slice(2)
  process.exitCode = await main(name, args)
}
