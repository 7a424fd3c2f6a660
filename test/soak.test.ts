import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DevnetEconomy } from '#node/cli/devnet/economy.ts'
import { soak } from '#scripts/bench/soak/soak.ts'

test('soak: of 200 jobs over nodes that are killed, and a coordinator that is, each has one end, one charge, and a cause', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hart-soak-'))
  const economy = await DevnetEconomy.open(folder, (reason) => console.log(`payment in the soak: skipped, ${reason}`))
  try {
    const report = await soak({
      folder,
      ...(economy === undefined ? {} : { economy }),
      jobs: 200,
      nodes: 3,
      killEveryMs: 4000,
      coordinatorKills: 1,
      random: Math.random,
      log: () => undefined,
      signal: AbortSignal.timeout(170_000),
    })
    expect(report.violations).toEqual([])
    expect(report).toMatchObject({ jobs: 200, coordinatorsKilled: 1 })
    expect(report.succeeded).toBeGreaterThan(150)
    if (economy !== undefined) expect(BigInt(report.chargedWei)).toBeGreaterThan(0n)
  } finally {
    await economy?.close()
    await rm(folder, { recursive: true, force: true })
  }
})
