/**
 * `npm run mutate -- --sample 100 --seed 1`: changes the contracts in small ways, one at a time, and counts how many
 * changes their Solidity tests notice. Fails below `--least` percent (90). `--only Escrow,Token` takes some contracts.
 *
 * A mutant first meets the tests of its own contract; if it survives, the invariants and the tests of the whole system.
 * Compiled without the optimizer, because most of the time is compiling. Takes some ten seconds per mutant and core.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Mutant, mutantsOf, shuffled } from './mutate/mutants.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const LIMIT_MS = 180_000

/** Tests of each contract: the quick ones, then those that a survivor must pass too. */
const TESTS: Record<string, [quick: string[], thorough: string[]]> = {
  Token: [['Token.t'], ['Rewards.t']],
  Models: [['Models.t'], ['Escrow.t']],
  Escrow: [['Escrow.t'], ['Events.t', 'Escrow.invariants.t', 'Vectors.t']],
  Staking: [['Staking.t'], ['Events.t', 'Staking.invariants.t', 'Disputes.t', 'Rewards.t']],
  Rewards: [['Rewards.t'], ['Events.t', 'Disputes.t', 'System.invariants.t']],
  Disputes: [['Disputes.t'], ['Events.t', 'System.invariants.t', 'Vectors.t']],
  Reputation: [['Reputation.t'], ['System.invariants.t']],
}

type Verdict = 'killed' | 'survived' | 'does not compile'

interface ContractMutant extends Mutant {
  contract: string
}

const CONFIG = `import { createRequire } from 'node:module'
const details = { peephole: false, inliner: false, jumpdestRemover: false, orderLiterals: false, deduplicate: false,
  cse: false, constantOptimizer: false, yul: true, yulDetails: { stackAllocation: true, optimizerSteps: ':' } }
export default {
  solidity: { version: '0.8.37', path: createRequire(import.meta.url).resolve('solc/soljson.js'),
    settings: { optimizer: { enabled: false, details }, evmVersion: 'cancun' } },
  paths: { sources: './contracts', tests: { solidity: './contracts/test' }, artifacts: './artifacts', cache: './cache' },
  test: { solidity: { fsPermissions: { readFile: ['./contracts/test/vectors.json'] }, fuzz: { runs: 64, seed: '0x01' },
    invariant: { runs: 24, depth: 48, failOnRevert: false } } },
}
`

/** A copy of the contracts, in which one mutant after the other can be tried. */
class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'hartonomous-mutate-'))

  constructor() {
    cpSync(join(root, 'contracts'), join(this.folder, 'contracts'), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    writeFileSync(join(this.folder, 'package.json'), '{"name":"mutants","type":"module","private":true}')
    writeFileSync(join(this.folder, 'hardhat.config.ts'), CONFIG)
    mkdirSync(join(this.folder, 'cache'))
  }

  async judge({ contract, source }: ContractMutant): Promise<Verdict> {
    const path = join(this.folder, 'contracts', `${contract}.sol`)
    const original = readFileSync(path, 'utf8')
    writeFileSync(path, source)
    try {
      for (const tests of TESTS[contract]!) {
        const verdict = await this.run(tests)
        if (verdict !== 'survived') return verdict
      }
      return 'survived'
    } finally {
      writeFileSync(path, original)
    }
  }

  run(tests: readonly string[]): Promise<Verdict> {
    const hardhat = join(root, 'node_modules/hardhat/dist/src/cli.js')
    const files = tests.map((name) => `contracts/test/${name}.sol`)
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [hardhat, 'test', 'solidity', ...files], {
        cwd: this.folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' },
        timeout: LIMIT_MS,
        killSignal: 'SIGKILL',
      })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (part: string) => {
          output += part
        })
      }
      child.on('error', reject)
      child.on('close', (code) => {
        if (output.includes('Compilation failed')) resolve('does not compile')
        // Without a code it was stopped for taking too long: an endless loop is noticed as well.
        else resolve(code === 0 ? 'survived' : 'killed')
      })
    })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function candidates(only: readonly string[] | undefined): ContractMutant[] {
  return Object.keys(TESTS)
    .filter((contract) => only === undefined || only.includes(contract))
    .flatMap((contract) => {
      const source = readFileSync(join(root, 'contracts', `${contract}.sol`), 'utf8')
      return mutantsOf(source).map((mutant) => ({ ...mutant, contract }))
    })
}

async function mutate(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      sample: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      least: { type: 'string', default: '90' },
      only: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  })
  const all = candidates(values.only?.split(','))
  const queue = shuffled(all, Number(values.seed))
  const wanted = Math.min(Number(values.sample), queue.length)
  console.log(`${all.length} mutants, of which ${wanted} are tried (seed ${values.seed})`)
  const survivors: ContractMutant[] = []
  const counts = { killed: 0, survived: 0, 'does not compile': 0 }
  const judged = () => counts.killed + counts.survived
  let running = 0
  const work = async () => {
    const bench = new Bench()
    try {
      while (judged() + running < wanted && queue.length > 0) {
        const mutant = queue.shift()!
        running++
        const verdict = await bench.judge(mutant)
        running--
        counts[verdict]++
        if (verdict === 'survived') survivors.push(mutant)
        const { contract, line, operator, before, after } = mutant
        console.log(`${judged()} ${verdict}: ${contract}.sol:${line} ${operator}: ${before} -> ${after || '(nothing)'}`)
      }
    } finally {
      bench.remove()
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  const share = (100 * counts.killed) / judged()
  console.log(
    `${counts.killed} of ${judged()} killed, ${share.toFixed(1)} %; ${counts['does not compile']} did not compile`,
  )
  for (const { contract, line, before, after } of survivors) {
    console.log(`survived: contracts/${contract}.sol:${line}\n  - ${before}\n  + ${after}`)
  }
  return share >= Number(values.least)
}

if (!(await mutate())) process.exitCode = 1
