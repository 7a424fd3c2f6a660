import { type KeyboardEvent, useId, useState } from 'react'
import type { CoverageView } from '#protocol/api/network.ts'
import { formatBytes } from '#protocol/units.ts'
import { type CoverageCell, coverageCells, type HolderClass, holderClass, rarityText } from './coverage-cells.ts'

/** Height and texture say it as well as colour: empty and dashed, low and hatched, middling, full. */
const looks: Readonly<Record<HolderClass, { box: string; fill: string }>> = {
  0: { box: 'border-dashed border-danger', fill: 'h-0' },
  1: { box: 'border-warn', fill: 'h-2/5 bg-warn coverage-hatch' },
  2: { box: 'border-line-strong', fill: 'h-3/4 bg-accent' },
  3: { box: 'border-transparent', fill: 'h-full bg-accent' },
}
const classNames: Readonly<Record<HolderClass, string>> = { 0: '0', 1: '1', 2: '2', 3: '3+' }
/** Wide enough for a number within each cell. */
const numberedMax = 24

/** One cell per layer, in the order of the model: what is rare stands out. Arrows go through it; each cell tells more. */
export function CoverageStrip({ coverage }: { coverage: CoverageView }) {
  const id = useId()
  const [active, setActive] = useState<number>()
  const cells = coverageCells(coverage)
  const step = (event: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, Home: -cells.length, End: cells.length }
    const move = moves[event.key]
    if (event.key === 'Escape') setActive(undefined)
    if (move === undefined) return
    event.preventDefault()
    setActive(Math.min(cells.length - 1, Math.max(0, (active ?? -1) + move)))
  }
  const shown = active === undefined ? undefined : cells[active]
  return (
    <div className="relative min-w-0">
      <div
        role="listbox"
        aria-label={`Coverage of ${coverage.name}: ${rarityText(cells)}`}
        aria-activedescendant={active === undefined ? undefined : `${id}-${active}`}
        tabIndex={0}
        onKeyDown={step}
        onFocus={() => setActive((at) => at ?? 0)}
        onBlur={() => setActive(undefined)}
        onMouseLeave={() => setActive(undefined)}
        className="flex h-6 gap-px rounded-sm"
      >
        {cells.map((cell, at) => (
          <Cell
            key={cell.name}
            id={`${id}-${at}`}
            cell={cell}
            isActive={at === active}
            isNumbered={cells.length <= numberedMax}
            onEnter={() => setActive(at)}
          />
        ))}
      </div>
      {shown !== undefined && active !== undefined && <CellCard cell={shown} share={(active + 0.5) / cells.length} />}
    </div>
  )
}

interface CellProps {
  id: string
  cell: CoverageCell
  isActive: boolean
  isNumbered: boolean
  onEnter: () => void
}

function Cell({ id, cell, isActive, isNumbered, onEnter }: CellProps) {
  const kind = holderClass(cell.holders)
  const { box, fill } = looks[kind]
  const ring = isActive ? 'outline-2 outline-accent outline-offset-1' : ''
  return (
    <span
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={isActive}
      aria-label={`${cell.name}: held by ${cell.holders}`}
      onMouseEnter={onEnter}
      className={`relative flex min-w-[2px] flex-1 items-end overflow-hidden rounded-[2px] border bg-raised ${box} ${ring}`}
    >
      <span className={`block w-full ${fill}`} />
      {isNumbered && kind < 2 && (
        <span aria-hidden="true" className="absolute inset-x-0 top-0 text-center text-[11px] leading-3.5 font-semibold">
          {cell.holders}
        </span>
      )}
    </span>
  )
}

function CellCard({ cell, share }: { cell: CoverageCell; share: number }) {
  return (
    <div
      role="status"
      className={`absolute top-full z-10 mt-1 w-60 rounded-md border border-line-strong bg-panel px-2.5 py-1.5 text-[13px] shadow-lg ${share > 0.5 ? 'right-0' : 'left-0'}`}
    >
      <p className="flex justify-between gap-2 font-medium">
        <span className="truncate">{cell.name}</span>
        <span>{formatBytes(cell.sizeBytes)}</span>
      </p>
      <table className="w-full">
        <tbody>
          {cell.parts.map(({ key, kind, holders, sizeBytes }) => (
            <tr key={key} className={holders < 2 ? 'text-warn' : 'text-muted'}>
              <td className="truncate pr-2">{kind}</td>
              <td className="pr-2 text-right whitespace-nowrap">{formatBytes(sizeBytes)}</td>
              <td className="text-right whitespace-nowrap">
                {holders} {holders === 1 ? 'node' : 'nodes'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** What the cells of all strips mean. */
export function CoverageLegend() {
  return (
    <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-[13px] text-muted">
      held by
      {([0, 1, 2, 3] as const).map((kind) => (
        <span key={kind} className="inline-flex items-center gap-1">
          <span
            aria-hidden="true"
            className={`inline-flex h-4 w-2.5 items-end overflow-hidden rounded-[2px] border bg-raised ${looks[kind].box}`}
          >
            <span className={`block w-full ${looks[kind].fill}`} />
          </span>
          {classNames[kind]}
        </span>
      ))}
      {'nodes'}
    </p>
  )
}
