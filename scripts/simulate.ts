/** `npm run simulate -- NAME [--json]`: plays a scenario with the reference model of the contracts, over a grid. */
import { cellsOf, findingsTable, simulate } from './simulate/wash-trading.ts'

const simulations: Readonly<Record<string, { describe: string; run(isJson: boolean): Promise<string> }>> = {
  'wash-trading': {
    describe: 'what somebody gains who pays himself to draw rewards',
    run: async (isJson) => {
      const findings = await simulate(cellsOf())
      if (!isJson) return findingsTable(findings)
      return JSON.stringify(findings, (_, value) => (typeof value === 'bigint' ? String(value) : value))
    },
  },
}

const [name = '', ...flags] = process.argv.slice(2)
const simulation = simulations[name]
if (simulation === undefined || flags.some((flag) => flag !== '--json')) {
  const list = Object.entries(simulations).map(([known, { describe }]) => `  ${known}  ${describe}`)
  process.stderr.write(`usage: npm run simulate -- NAME [--json]\n\n${list.join('\n')}\n`)
  process.exitCode = 2
} else process.stdout.write(`${await simulation.run(flags.includes('--json'))}\n`)
