/** Ten thousand jobs over five real nodes that are killed at random, the coordinator too: what holds, and how fast. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DevnetEconomy } from '#node/cli/devnet/economy.ts'
import type { Bench } from './main.ts'
import { soak } from './soak/soak.ts'

export const bench: Bench = {
  name: 'soak',
  describe: 'jobs over real nodes that are killed at random: each ends once, is charged once, and names its cause',
  async run({ args, log }) {
    const options = {
      jobs: { type: 'string' },
      nodes: { type: 'string' },
      'kill-every-ms': { type: 'string' },
    } as const
    const { values } = parseArgs({ args, options })
    const folder = await mkdtemp(join(tmpdir(), 'hart-soak-'))
    const economy = await DevnetEconomy.open(folder, (reason) => log(`without payment: ${reason}`))
    try {
      const { violations, causes, ...figures } = await soak({
        folder,
        ...(economy === undefined ? {} : { economy }),
        jobs: Number(values.jobs ?? 10_000),
        nodes: Number(values.nodes ?? 5),
        killEveryMs: Number(values['kill-every-ms'] ?? 10_000),
        coordinatorKills: 3,
        random: Math.random,
        log,
        signal: AbortSignal.timeout(3 * 3_600_000),
      })
      for (const violation of violations) log(`VIOLATION: ${violation}`)
      return { ...figures, violations: violations.length, causes: JSON.stringify(causes) }
    } finally {
      await economy?.close()
      await rm(folder, { recursive: true, force: true })
    }
  },
}
