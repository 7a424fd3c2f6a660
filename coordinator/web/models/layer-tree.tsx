import { ChevronDown, ChevronRight } from 'lucide-react'
import { type KeyboardEvent, useRef, useState } from 'react'
import type { ComponentView } from '#protocol/api/control.ts'
import { formatBytes } from '#protocol/units.ts'
import { HolderMark } from './holder-mark.tsx'
import { formatShape } from './shape.ts'
import type { TreeRow } from './tree-rows.ts'

/** More are found by a word; a browser lays no more out at once. */
const shownMax = 1500

interface LayerTreeProps {
  rows: readonly TreeRow[]
  /** Id of the row whose panel is open. */
  selected: string | undefined
  /** What of each is on the coordinator's own node, where that may be seen. */
  held: ReadonlyMap<string, ComponentView>
  onSelect: (row: TreeRow) => void
  onToggle: (id: string) => void
}

/** Layers, components and tensors. Arrows go through it and open and close it; Enter selects. */
export function LayerTree({ rows, selected, held, onSelect, onToggle }: LayerTreeProps) {
  const tree = useRef<HTMLDivElement>(null)
  const [at, setAt] = useState<string>()
  const shown = rows.slice(0, shownMax)
  // One row is in the order of tabs: where one was last, else the selected one, else the first.
  const reached = [at, selected].find((id) => shown.some((row) => row.id === id)) ?? shown[0]?.id
  const goTo = (id: string | undefined) => {
    if (id === undefined) return
    tree.current?.querySelector<HTMLElement>(`[data-row=${CSS.escape(id)}]`)?.focus()
  }
  const onKey = (event: KeyboardEvent) => {
    const index = shown.findIndex(({ id }) => id === reached)
    const row = shown[index]
    if (row === undefined) return
    switch (event.key) {
      case 'ArrowDown':
        goTo(shown[index + 1]?.id)
        break
      case 'ArrowUp':
        goTo(shown[index - 1]?.id)
        break
      case 'ArrowRight':
        if (row.isOpen === false) onToggle(row.id)
        else if (row.isOpen === true) goTo(shown[index + 1]?.id)
        break
      case 'ArrowLeft':
        if (row.isOpen === true) onToggle(row.id)
        else goTo(row.parentId)
        break
      case 'Home':
        goTo(shown[0]?.id)
        break
      case 'End':
        goTo(shown.at(-1)?.id)
        break
      case 'Enter':
      case ' ':
        onSelect(row)
        break
      default:
        return
    }
    event.preventDefault()
  }
  return (
    <>
      <div
        ref={tree}
        role="tree"
        aria-label="Layers, components and tensors"
        onKeyDown={onKey}
        onFocus={({ target }) => setAt(target.dataset['row'])}
      >
        {shown.map((row) => (
          <Row
            key={`${row.parentId ?? ''} ${row.id}`}
            row={row}
            isSelected={row.id === selected}
            isReached={row.id === reached}
            held={held}
            onSelect={() => onSelect(row)}
            onToggle={() => onToggle(row.id)}
          />
        ))}
      </div>
      {rows.length > shownMax && (
        <p className="p-2 text-muted">
          {rows.length - shownMax} more rows: close some layers, or look for a name above.
        </p>
      )}
    </>
  )
}

interface RowProps {
  row: TreeRow
  isSelected: boolean
  isReached: boolean
  held: ReadonlyMap<string, ComponentView>
  onSelect: () => void
  onToggle: () => void
}

const indents = { 1: 'pl-1', 2: 'pl-6', 3: 'pl-11' }

function Row({ row, isSelected, isReached, held, onSelect, onToggle }: RowProps) {
  const { id, level, position, setSize, isOpen } = row
  const Chevron = isOpen === true ? ChevronDown : ChevronRight
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree hears the keys of all its rows.
    <div
      role="treeitem"
      data-row={id}
      aria-level={level}
      aria-posinset={position}
      aria-setsize={setSize}
      aria-selected={isSelected}
      {...(isOpen === undefined ? {} : { 'aria-expanded': isOpen })}
      tabIndex={isReached ? 0 : -1}
      // Keys open a row by arrows, the mouse by its chevron.
      onClick={({ target }) => ((target as Element).closest('[data-chevron]') === null ? onSelect() : onToggle())}
      className={`grid min-h-7 cursor-pointer grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 rounded-md pr-2 sm:grid-cols-[minmax(0,1fr)_9rem_5rem_6.5rem] ${indents[level]} ${isSelected ? 'bg-accent-soft' : 'hover:bg-raised'}`}
    >
      <span className="flex min-w-0 items-center gap-1">
        {isOpen === undefined ? (
          <span className="w-5" />
        ) : (
          <span data-chevron="" className="rounded p-0.5 text-muted hover:bg-line hover:text-ink">
            <Chevron className="size-4" />
          </span>
        )}
        <span className={`truncate ${row.kind === 'layer' ? 'font-medium' : 'font-mono text-[13px]'}`}>
          {row.kind === 'layer' ? row.name : id}
        </span>
      </span>
      <Rest row={row} held={held} />
    </div>
  )
}

/** What it is, how large, and who has it. On a narrow page only the last. */
function Rest({ row, held }: { row: TreeRow; held: RowProps['held'] }) {
  const isWide = 'hidden truncate text-[13px] text-muted sm:block'
  if (row.kind === 'tensor') {
    const { dtype, shape, sizeBytes, isHeld } = row.tensor
    return (
      <>
        <span className={isWide}>
          {dtype} {formatShape(shape)}
        </span>
        <span className={`${isWide} text-right`}>{formatBytes(sizeBytes)}</span>
        <span className="text-right text-[13px] text-muted">{isHeld ? 'here' : ''}</span>
      </>
    )
  }
  const { sizeBytes, holders } = row.kind === 'layer' ? row : row.part
  const own = row.kind === 'part' ? held.get(row.part.key) : undefined
  const isHere = own !== undefined && own.sizeBytes > 0 && own.heldBytes === own.sizeBytes
  return (
    <>
      <span className={isWide}>{row.kind === 'part' ? row.part.kind : 'layer'}</span>
      <span className={`${isWide} text-right`}>{formatBytes(sizeBytes)}</span>
      <span className="flex items-center justify-end gap-2 text-[13px]">
        {isHere && <span className="text-muted">here</span>}
        <HolderMark holders={holders} />
      </span>
    </>
  )
}
