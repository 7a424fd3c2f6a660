/**
 * Somebody pays himself to look busy, and so to draw rewards. What he has in the end is compared with what he would have
 * without it, everything else being equal: his real customers, the stake, what others earn. Liquidity and gas cost him
 * nothing here, and he is never caught.
 */
import { formatHart } from '#protocol/hart.ts'
import { createModelEconomy, type Economy } from './economy.ts'

/** One point of the grid. Volumes are a day's. */
export interface Cell {
  /** What he pays himself, in HART. */
  volumeHart: number
  /** Of his nodes' income, in per cent; the rest is of real customers. */
  washedPercent: number
  /** What his nodes take of their delegators' rewards, in 1/10 000. Others have delegated as much as each bond. */
  commissionBps: number
  /** Of every payment, in 1/10 000. */
  burnBps: number
  /** The most that comes back of what was burned, in 1/10 000. */
  returnBps: number
  /** Bond of each of his nodes, in HART. */
  stakeHart: number
  sybils: number
  epochs: number
  /** What nodes of others earn, in HART: above 777,777 the emission no longer suffices for all. */
  othersHart: number
}

export const grid: Readonly<{ [K in keyof Cell]: readonly Cell[K][] }> = {
  volumeHart: [10, 1_000, 50_000, 2_000_000],
  washedPercent: [10, 50, 100],
  commissionBps: [0, 5_000, 10_000],
  burnBps: [100, 300],
  returnBps: [5_000, 9_000, 9_900],
  stakeHart: [1_000, 10_000],
  sybils: [1, 4, 20],
  epochs: [1, 7],
  othersHart: [0, 5_000_000],
}

/** What the contracts do; other figures of these two are asked out of curiosity. */
export const contractTerms = { burnBps: 100, returnBps: 9_000 }

const weiPerHart = 10n ** 18n
const wash = 'wash'

export interface Outcome {
  cell: Cell
  profitWei: bigint
}

/** Every combination, in the order of the parameters. */
export function cellsOf(values: typeof grid = grid): Cell[] {
  let cells: Partial<Cell>[] = [{}]
  for (const [name, options] of Object.entries(values))
    cells = cells.flatMap((cell) => options.map((option) => ({ ...cell, [name]: option })))
  return cells as Cell[]
}

/** What washing adds to his wealth, in the economy that `create` makes twice. */
export async function profitOf(cell: Cell, create: () => Promise<Economy> | Economy): Promise<bigint> {
  const washed = await play(cell, await create(), true)
  return washed - (await play(cell, await create(), false))
}

export async function modelProfitOf(cell: Cell): Promise<bigint> {
  const terms = { burnBps: BigInt(cell.burnBps), burnReturnBps: BigInt(cell.returnBps) }
  return await profitOf(cell, () => createModelEconomy(terms))
}

/** His whole wealth in the end. */
async function play(cell: Cell, economy: Economy, isWashing: boolean): Promise<bigint> {
  const nodes = Array.from({ length: cell.sybils }, (_, index) => `node-${index}`)
  const stakeWei = BigInt(cell.stakeHart) * weiPerHart
  const perNodeWei = (BigInt(cell.volumeHart) * weiPerHart) / BigInt(cell.sybils)
  const customersWei = (perNodeWei * BigInt(100 - cell.washedPercent)) / BigInt(cell.washedPercent)
  const othersWei = BigInt(cell.othersHart) * weiPerHart
  const days = BigInt(cell.epochs)
  const count = BigInt(cell.sybils)
  await economy.fund('others', stakeWei * (count + 1n) + (othersWei + customersWei * count) * days)
  for (const node of [...nodes, 'other-node']) {
    await economy.fund(node, stakeWei)
    await economy.addNode(node, stakeWei, cell.commissionBps)
  }
  for (const node of nodes) await economy.delegate('others', node, stakeWei)
  const volumeWei = perNodeWei * count * days
  await economy.fund(wash, volumeWei)
  for (let epoch = 0; epoch < cell.epochs; epoch++) {
    for (const node of nodes) {
      if (isWashing) await economy.pay(wash, node, perNodeWei)
      if (customersWei > 0n) await economy.pay('others', node, customersWei)
    }
    if (othersWei > 0n) await economy.pay('others', 'other-node', othersWei)
    await economy.endDay('other-node')
  }
  let wealth = 0n
  for (const holder of [wash, ...nodes]) wealth += await economy.wealthOf(holder)
  return wealth
}

export interface Findings {
  cells: number
  worst: Outcome
  /** Where burn and return are those of the contracts. */
  worstOfContracts: Outcome
  /** The best that he can do at each value of each parameter. */
  byValue: { parameter: string; value: number; best: Outcome }[]
}

export async function simulate(cells: readonly Cell[], onCell: (done: number) => void = () => {}): Promise<Findings> {
  const outcomes: Outcome[] = []
  for (const cell of cells) {
    outcomes.push({ cell, profitWei: await modelProfitOf(cell) })
    onCell(outcomes.length)
  }
  const byValue = Object.entries(grid).flatMap(([parameter, values]) =>
    values.flatMap((value) => {
      const at = outcomes.filter(({ cell }) => cell[parameter as keyof Cell] === value)
      return at.length === 0 ? [] : [{ parameter, value, best: bestOf(at) }]
    }),
  )
  const { burnBps, returnBps } = contractTerms
  const real = outcomes.filter(({ cell }) => cell.burnBps === burnBps && cell.returnBps === returnBps)
  return { cells: outcomes.length, worst: bestOf(outcomes), worstOfContracts: bestOf(real), byValue }
}

/** The most profitable for him, and so the worst for everyone else. */
function bestOf(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce((best, each) => (each.profitWei > best.profitWei ? each : best))
}

export function findingsTable({ cells, worst, worstOfContracts, byValue }: Findings): string {
  const head = ['parameter', 'value', 'most profit, HART', 'for 1,000 HART washed']
  const rows = byValue.map(({ parameter, value, best }) => [
    parameter,
    String(value),
    formatHart(best.profitWei),
    formatHart((best.profitWei * 1_000n) / washedHart(best.cell)),
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  const lines = [head, ...rows].map((row) =>
    row.map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!))).join('  '),
  )
  return [
    ...lines,
    '',
    `${cells} cells. Best for him: ${formatHart(worst.profitWei)} HART, with ${describe(worst.cell)}`,
    `At the contracts' own terms: ${formatHart(worstOfContracts.profitWei)} HART, with ${describe(worstOfContracts.cell)}`,
  ].join('\n')
}

function washedHart({ volumeHart, epochs }: Cell): bigint {
  return BigInt(volumeHart) * BigInt(epochs)
}

function describe(cell: Cell): string {
  return Object.entries(cell)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
