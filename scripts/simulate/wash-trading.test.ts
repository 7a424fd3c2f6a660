import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EconomyChain, startEconomyChain } from './chain-economy.fixture.ts'
import {
  type Cell,
  cellsOf,
  contractTerms,
  findingsTable,
  grid,
  modelProfitOf,
  profitOf,
  simulate,
} from './wash-trading.ts'

let economyChain: EconomyChain
beforeAll(async () => {
  economyChain = await startEconomyChain()
})
afterAll(() => economyChain?.close())

const simple: Cell = {
  volumeHart: 1_000,
  washedPercent: 100,
  commissionBps: 10_000,
  burnBps: 100,
  returnBps: 9_000,
  stakeHart: 1_000,
  sybils: 1,
  epochs: 1,
  othersHart: 0,
}

test('wash trading: loses money at every point of the grid', async () => {
  const findings = await simulate(cellsOf())
  expect(findings.cells).toBe(Object.values(grid).reduce((product, values) => product * values.length, 1))
  expect(findings.worst.profitWei).toBeLessThan(0n)
  expect(findings.worstOfContracts.profitWei).toBeLessThan(0n)
  expect(findings.byValue).toHaveLength(Object.values(grid).flat().length)
  expect(findingsTable(findings)).toMatch(/At the contracts' own terms: -0\.01 HART/)
})

test('wash trading: the loss is what is burned and does not come back, and it is the return below one that makes it', async () => {
  const hart = 10n ** 18n
  // One hundredth of 1,000 is burned, and nine tenths of it come back.
  expect(await modelProfitOf(simple)).toBe(-hart)
  expect(await modelProfitOf({ ...simple, returnBps: 10_000 })).toBe(0n)
  // The simulation finds a profit where there is one.
  expect(await modelProfitOf({ ...simple, returnBps: 11_000 })).toBe(hart)
  // Delegators who stake as much as he does take half of what comes back.
  expect(await modelProfitOf({ ...simple, commissionBps: 0 })).toBe((-hart * 11n) / 2n)
})

test('wash trading: the model says to the wei what the contracts do, in cells of each kind', async () => {
  const cells: Cell[] = [
    simple,
    { ...simple, volumeHart: 7, washedPercent: 30, commissionBps: 3_333, sybils: 3, epochs: 3 },
    // The cap of one node holds back.
    { ...simple, volumeHart: 100_000, stakeHart: 10_000, epochs: 2, commissionBps: 5_000 },
    // The emission does not suffice for all.
    { ...simple, volumeHart: 50_000, washedPercent: 50, sybils: 4, othersHart: 5_000_000, commissionBps: 0 },
  ]
  for (const cell of cells) {
    expect([cell.burnBps, cell.returnBps]).toEqual([contractTerms.burnBps, contractTerms.returnBps])
    const onChain = await profitOf(cell, economyChain.create)
    expect(onChain, JSON.stringify(cell)).toBe(await modelProfitOf(cell))
    expect(onChain).toBeLessThan(0n)
  }
})
