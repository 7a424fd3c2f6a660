import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react'
import { weekdayNames, weekdays } from '#protocol/api/schedule.ts'

const hours = Array.from({ length: 24 }, (_, hour) => hour)
const minutesPerHour = 60

interface WeekGridProps {
  /** A byte per minute from Monday 00:00 on. */
  week: Uint8Array
  onChange: (week: Uint8Array) => void
}

interface Cell {
  day: number
  hour: number
}

/**
 * A week of hours, painted with the pointer or by keys: arrows move, with Shift they paint, Space changes one hour. One stop of
 * Tab for all of it; on a small screen the field below it says the same.
 */
export function WeekGrid({ week, onChange }: WeekGridProps) {
  const [at, setAt] = useState<Cell>({ day: 0, hour: 0 })
  const grid = useRef<HTMLDivElement>(null)
  /** What the pointer paints while it is down. */
  const brush = useRef<0 | 1 | undefined>(undefined)
  const paint = (cells: readonly Cell[], value: 0 | 1) => {
    const next = week.slice()
    for (const cell of cells) next.fill(value, startOf(cell), startOf(cell) + minutesPerHour)
    onChange(next)
  }
  const move = (to: Cell) => {
    setAt(to)
    grid.current?.querySelector<HTMLElement>(`[data-cell="${to.day}-${to.hour}"]`)?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === ' ' || event.key === 'Enter') paint([at], shareOf(week, at) === 1 ? 0 : 1)
    else if (event.key in steps) {
      const [days, ahead] = steps[event.key as keyof typeof steps]
      const to = { day: (at.day + days + 7) % 7, hour: (at.hour + ahead + 24) % 24 }
      // Shift carries the value of the hour it leaves.
      if (event.shiftKey) paint([to], shareOf(week, at) === 1 ? 1 : 0)
      move(to)
    } else return
    event.preventDefault()
  }
  const onPointerDown = (cell: Cell) => (event: PointerEvent<HTMLElement>) => {
    event.preventDefault()
    // A finger stays captured by the cell on which it came down, unless it is let go.
    event.currentTarget.releasePointerCapture(event.pointerId)
    brush.current = shareOf(week, cell) === 1 ? 0 : 1
    paint([cell], brush.current)
    move(cell)
  }
  const onPointerEnter = (cell: Cell) => () => {
    if (brush.current !== undefined) paint([cell], brush.current)
  }
  const stop = () => {
    brush.current = undefined
  }
  return (
    <div onPointerUp={stop} onPointerLeave={stop} className="touch-none select-none">
      {/* biome-ignore lint/a11y/useSemanticElements: a table has no cells that are chosen. */}
      <div ref={grid} role="grid" tabIndex={-1} aria-label="Hours of the week" onKeyDown={onKeyDown}>
        {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: rows are passed over. */}
        <div role="row" className={`${rowClass} text-[11px] text-muted`}>
          <Head name="Day" isShown={false} />
          {hours.map((hour) => (
            <Head key={hour} name={String(hour).padStart(2, '0')} isShown={hour % 6 === 0} />
          ))}
        </div>
        {weekdays.map((name, day) => (
          // biome-ignore lint/a11y/useSemanticElements: as above.
          // biome-ignore lint/a11y/useFocusableInteractive: as above.
          <div key={name} role="row" className={rowClass}>
            {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
            {/* biome-ignore lint/a11y/useFocusableInteractive: as above. */}
            <div role="rowheader" className="text-[13px]">
              {weekdayNames[day]!.slice(0, 3)}
            </div>
            {hours.map((hour) => {
              const cell = { day, hour }
              const share = shareOf(week, cell)
              const isHere = at.day === day && at.hour === hour
              return (
                // biome-ignore lint/a11y/useSemanticElements: as above.
                <div
                  key={hour}
                  role="gridcell"
                  data-cell={`${day}-${hour}`}
                  tabIndex={isHere ? 0 : -1}
                  aria-selected={share === 1}
                  aria-label={`${weekdayNames[day]} ${hour}:00, ${shareWord(share)}`}
                  onPointerDown={onPointerDown(cell)}
                  onPointerEnter={onPointerEnter(cell)}
                  onFocus={() => setAt(cell)}
                  className={`m-px h-5 cursor-pointer rounded-xs border ${shareLook(share)}`}
                />
              )
            })}
          </div>
        ))}
      </div>
      <p aria-hidden="true" className="mt-1 flex flex-wrap gap-x-4 text-[13px] text-muted">
        <span className="inline-flex items-center gap-1.5">
          <span className="size-3 rounded-xs border border-accent bg-accent" /> works
        </span>
        <span className="inline-flex items-center gap-1.5">
          <span className="size-3 rounded-xs border border-line-strong bg-panel" /> paused
        </span>
        <span>Paint with the pointer; arrows and Space by keys.</span>
      </p>
    </div>
  )
}

/** A name and 24 hours. */
const rowClass = 'grid grid-cols-[2.25rem_repeat(24,minmax(0,1fr))] items-center'

function Head({ name, isShown }: { name: string; isShown: boolean }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a grid of divisions, see above.
    // biome-ignore lint/a11y/useFocusableInteractive: heads are passed over.
    <div role="columnheader">
      <span className={isShown ? '' : 'sr-only'}>{name}</span>
    </div>
  )
}

function shareWord(share: number): string {
  if (share === 1) return 'works'
  return share === 0 ? 'paused' : 'works in part'
}

/** Filled, half filled or hollow: the form says it without the colour. */
function shareLook(share: number): string {
  if (share === 1) return 'border-accent bg-accent'
  return share === 0 ? 'border-line-strong bg-panel' : 'border-accent bg-accent-soft'
}

/** By key: days and hours to go. */
const steps = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
} as const

function startOf({ day, hour }: Cell): number {
  return (day * 24 + hour) * minutesPerHour
}

/** Of the hour: 0 none, 1 all of it. */
function shareOf(week: Uint8Array, cell: Cell): number {
  const minutes = week.subarray(startOf(cell), startOf(cell) + minutesPerHour)
  return minutes.reduce((sum, minute) => sum + minute, 0) / minutesPerHour
}
