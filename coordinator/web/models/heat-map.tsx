import { type PointerEvent, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useTheme } from '../app/theme.ts'
import { type DivergingScale, ends, paint, type Rgb } from './diverging-scale.ts'
import { formatValue } from './value.ts'

interface HeatMapProps {
  /** Row by row. */
  values: readonly (number | null)[]
  columns: number
  /** Full strength from there on. */
  limit: number
  /** What stands at a place: `row 3, column 17`. */
  nameOf: (row: number, column: number) => string
  label: string
}

/** Height of a row, in px of the page: few rows are drawn tall, many thin. */
function rowHeightPx(rows: number): number {
  return rows <= 4 ? 24 : rows <= 24 ? 12 : rows <= 64 ? 5 : 3
}

/** One pixel per value, on a canvas. Under the pointer a value is told exactly. */
export function HeatMap({ values, columns, limit, nameOf, label }: HeatMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [at, setAt] = useState<{ row: number; column: number }>()
  const rows = Math.ceil(values.length / columns)
  const theme = useTheme()
  const isDark = useSyncExternalStore(followSystem, systemIsDark)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours of the page change with the theme.
  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext('2d')
    if (element === null || context === null || context === undefined) return
    const pixels = paint(values, limit, scaleOf(element))
    context.putImageData(new ImageData(pixels, columns), 0, 0)
  }, [values, columns, limit, theme, isDark])
  const point = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows)
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns)
    setAt({ row: clamp(row, rows), column: clamp(column, columns) })
  }
  return (
    <div>
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        width={columns}
        height={rows}
        onPointerMove={point}
        onPointerLeave={() => setAt(undefined)}
        style={{ height: rows * rowHeightPx(rows), imageRendering: 'pixelated' }}
        className="w-full cursor-crosshair border border-line bg-panel"
      />
      <p aria-hidden="true" className="min-h-5 text-[13px] text-muted">
        {at === undefined
          ? 'point at a value to read it'
          : `${nameOf(at.row, at.column)}: ${formatValue(values[at.row * columns + at.column])}`}
      </p>
    </div>
  )
}

/** What the colours mean. */
export function HeatScale({ limit }: { limit: number }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const theme = useTheme()
  const isDark = useSyncExternalStore(followSystem, systemIsDark)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours of the page change with the theme.
  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext('2d')
    if (element === null || context === null || context === undefined) return
    const steps = Array.from({ length: element.width }, (_, x) => (2 * x) / (element.width - 1) - 1)
    context.putImageData(new ImageData(paint(steps, 1, scaleOf(element)), element.width), 0, 0)
  }, [theme, isDark])
  return (
    <div className="flex items-center gap-2 text-[13px] text-muted">
      <span>≤ {formatValue(-limit)}</span>
      <canvas
        ref={canvas}
        role="img"
        aria-label="from blue to orange"
        width={129}
        height={1}
        className="h-3 w-32 border border-line bg-panel"
      />
      <span>≥ {formatValue(limit)}</span>
      <span>blue below zero, orange above</span>
    </div>
  )
}

/** Zero is the ground on which the canvas stands. */
function scaleOf(element: HTMLCanvasElement): DivergingScale {
  const ground = getComputedStyle(element).backgroundColor.match(/[\d.]+/g) ?? []
  const neutral = [0, 1, 2].map((at) => Number(ground[at] ?? 255)) as unknown as Rgb
  const isDark = neutral[0] + neutral[1] + neutral[2] < 384
  return { neutral, ...(isDark ? ends.dark : ends.light) }
}

function clamp(index: number, count: number): number {
  return Math.min(count - 1, Math.max(0, index))
}

const systemColours = matchMedia('(prefers-color-scheme: dark)')

function systemIsDark(): boolean {
  return systemColours.matches
}

function followSystem(listener: () => void): () => void {
  systemColours.addEventListener('change', listener)
  return () => systemColours.removeEventListener('change', listener)
}
