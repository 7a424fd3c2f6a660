import type { KeyboardEvent } from 'react'
import { shortId } from '../lib/format.ts'
import { CellMark } from './cell-mark.tsx'
import type { Cell } from './cells.ts'
import { regionName } from './regions.ts'

export interface CellActions {
  onOpen: (region: string, cell: Cell) => void
  /** Pointed at or focused; undefined: no longer. */
  onPoint: (pointed: { region: string; cell: Cell; element: HTMLElement } | undefined) => void
}

interface CellButtonProps extends CellActions {
  region: string
  cell: Cell
  /** The one that Tab gets to: arrows go on from there. */
  isReachable: boolean
  place?: { x: number; y: number }
  onKeyDown?: (event: KeyboardEvent) => void
}

/** A cell that opens its node, or lists its nodes. */
export function CellButton({ region, cell, isReachable, place, onOpen, onPoint, onKeyDown }: CellButtonProps) {
  return (
    <button
      type="button"
      aria-label={labelOf(region, cell)}
      tabIndex={isReachable ? 0 : -1}
      data-cell={cell.key}
      onClick={() => onOpen(region, cell)}
      onMouseEnter={(event) => onPoint({ region, cell, element: event.currentTarget })}
      onMouseLeave={() => onPoint(undefined)}
      onFocus={(event) => onPoint({ region, cell, element: event.currentTarget })}
      onBlur={() => onPoint(undefined)}
      onKeyDown={onKeyDown}
      style={place === undefined ? undefined : { left: place.x - 9, top: place.y - 9 }}
      className={`${place === undefined ? 'relative' : 'absolute'} size-4.5 rounded-full focus-visible:outline-offset-4`}
    >
      <CellMark {...cell} />
    </button>
  )
}

function labelOf(region: string, { node, mix, state, count }: Cell): string {
  const place = regionName(region)
  if (node !== undefined) return `node ${shortId(node.peerId)}, ${state}, ${place}`
  const states = mix === undefined ? state : mix.map((of) => `${of.count} ${of.state}`).join(', ')
  return `${place}: ${count} ${count === 1 ? 'node' : 'nodes'}, ${states}`
}
