import { useQuery } from '@tanstack/react-query'
import { Minus, Plus, RotateCcw } from 'lucide-react'
import { type KeyboardEvent, type ReactNode, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { ErrorNotice } from '../components/notice.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { type CellActions, CellButton } from './cell-button.tsx'
import type { Cell, Cluster } from './cells.ts'
import { type MapViewControl, useMapView } from './map-view.ts'
import { clusterRadius, honeycomb, neighbour, type Point, pushApart } from './packing.ts'
import { regionCentres } from './region-centres.ts'
import { type Outlines, outlinesQuery, type Projection, projectionFor, type Size, worldAspect } from './world.ts'

const heightMin = 160
const heightMax = 520
/** Of the frame, by one press of a key with Shift. */
const moveShare = 0.15
const zoomStep = 1.6
/** A cluster that had to go this far from its place is tied to it by a line. */
const tieMinPx = 10
/** Of the radius of a cluster, to the next region: what both need, and a little less, as they give way. */
const roomy = 1.5

interface SwarmMapProps extends Pick<CellActions, 'onOpen'> {
  clusters: readonly Cluster[]
  /** Scale and centre, as the address has them. */
  view: string | undefined
  onView: (view: string | undefined) => void
  /** What is told of the cell that is pointed at. */
  card: (region: string, cell: Cell) => ReactNode
}

/** The world with the nodes that say where they are. */
export function SwarmMap(props: SwarmMapProps) {
  const outer = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState<Size>()
  useLayoutEffect(() => {
    const element = outer.current
    if (element === null) return
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.round(entry?.contentRect.width ?? 0)
      const height = Math.round(Math.min(heightMax, Math.max(heightMin, width / worldAspect)))
      setSize((known) => (known?.width === width ? known : { width, height }))
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return (
    <div ref={outer}>
      {size === undefined || size.width === 0 ? (
        <Skeleton className="h-96 w-full" />
      ) : (
        <MapFrame key={size.width} size={size} {...props} />
      )}
    </div>
  )
}

function MapFrame({ size, clusters, view: text, onView, onOpen, card }: SwarmMapProps & { size: Size }) {
  const frame = useRef<HTMLElement>(null)
  const outlines = useQuery(outlinesQuery)
  const projection = useMemo(() => projectionFor(size), [size])
  const control = useMapView({ frame, projection, size, text, onSettle: onView })
  const { scale, dx, dy } = control.view
  const places = useMemo(() => placesOf(clusters, projection, size, scale), [clusters, projection, size, scale])
  const [pointed, setPointed] = useState<{ region: string; cell: Cell; element: HTMLElement }>()
  const [reachable, setReachable] = useState(0)
  const onKeyDown = (event: KeyboardEvent) => {
    const arrow = arrows[event.key]
    if (arrow === undefined || event.shiftKey) {
      if (moveByKey(event, control, size)) event.preventDefault()
      return
    }
    event.preventDefault()
    // From the frame itself the first press goes to the cell that Tab would get to.
    const isOnCell = (event.target as HTMLElement).dataset['cell'] !== undefined
    const next = isOnCell ? neighbour(places, reachable, arrow) : Math.min(reachable, places.length - 1)
    setReachable(Math.max(0, next))
    frame.current?.querySelector<HTMLElement>(`[data-cell="${places[next]?.cell.key}"]`)?.focus()
  }
  return (
    <div className="relative">
      <section
        ref={frame}
        aria-label="Map of the nodes. Arrows go from cell to cell, plus and minus zoom, zero shows all, Shift and arrows move."
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move and zoom it.
        tabIndex={0}
        onKeyDown={onKeyDown}
        className="relative touch-pan-y overflow-hidden rounded-md bg-page select-none"
        style={{ height: size.height }}
      >
        <svg width={size.width} height={size.height} aria-hidden="true" className="absolute inset-0">
          <Land outlines={outlines.data} projection={projection} control={control} />
          <g transform={`translate(${dx} ${dy})`} className="stroke-muted">
            {places.map(({ tie, cell }) => tie !== undefined && <path key={cell.key} d={tie} strokeWidth={1} />)}
          </g>
        </svg>
        <div className="absolute top-0 left-0" style={{ transform: `translate(${dx}px, ${dy}px)` }}>
          {places.map(({ region, cell, x, y }, at) => (
            <CellButton
              key={cell.key}
              region={region}
              cell={cell}
              place={{ x, y }}
              isReachable={at === Math.min(reachable, places.length - 1)}
              onOpen={(...opened) => {
                if (!control.hasDragged()) onOpen(...opened)
              }}
              onPoint={(next) => {
                setPointed(next)
                if (next?.element === document.activeElement) setReachable(at)
              }}
            />
          ))}
        </div>
      </section>
      <MapButtons {...control} />
      {outlines.error !== null && (
        <div className="absolute inset-x-2 top-2">
          <ErrorNotice error={outlines.error} onRetry={() => void outlines.refetch()} />
        </div>
      )}
      {pointed !== undefined && <Card pointed={pointed} frame={frame.current} card={card} />}
    </div>
  )
}

interface Place extends Point {
  region: string
  cell: Cell
  /** Path of the line to where the region is. */
  tie?: string
}

/** A region is shown in full where it has room for that at this scale, and as one cell where it has not. */
function placesOf(clusters: readonly Cluster[], projection: Projection, size: Size, scale: number): Place[] {
  const homes = clusters.map(({ region }) => {
    const [x, y] = projection.project(regionCentres.get(region) ?? [0, 0])
    return { x: x * scale, y: y * scale }
  })
  const shown = clusters.map(({ one, cells }, at) => {
    const hasRoom = roomAround(homes, at) > roomy * clusterRadius(cells.length)
    return hasRoom ? cells : [one]
  })
  const wanted = homes.map((home, at) => ({ ...home, radius: clusterRadius(shown[at]!.length) }))
  const middles = pushApart(wanted, { width: size.width * scale, height: size.height * scale })
  return clusters.flatMap(({ region }, at) => {
    const [home, middle] = [homes[at]!, middles[at]!]
    const isFar = Math.hypot(middle.x - home.x, middle.y - home.y) > tieMinPx
    const tie = `M${home.x.toFixed(1)} ${home.y.toFixed(1)}L${middle.x.toFixed(1)} ${middle.y.toFixed(1)}`
    const cells = shown[at]!
    return honeycomb(cells.length).map((offset, index) => ({
      region,
      cell: cells[index]!,
      x: middle.x + offset.x,
      y: middle.y + offset.y,
      ...(isFar && index === 0 ? { tie } : {}),
    }))
  })
}

/** To the nearest other region. */
function roomAround(homes: readonly Point[], at: number): number {
  const { x, y } = homes[at]!
  let room = Number.POSITIVE_INFINITY
  for (const [other, home] of homes.entries())
    if (other !== at) room = Math.min(room, Math.hypot(home.x - x, home.y - y))
  return room
}

interface LandProps {
  outlines: Outlines | undefined
  projection: Projection
  control: MapViewControl
}

function Land({ outlines, projection, control: { view } }: LandProps) {
  if (outlines === undefined) return null
  const { scale, dx, dy } = view
  const { radius, middle } = projection
  const toFrame = `translate(${dx + scale * middle[0]} ${dy + scale * middle[1]}) scale(${(scale * radius) / outlines.scale})`
  return (
    <g transform={toFrame}>
      <path d={outlines.land} className="fill-land" />
      <path
        d={outlines.borders}
        className="fill-none stroke-panel"
        strokeWidth={0.75}
        vectorEffect="non-scaling-stroke"
      />
    </g>
  )
}

const arrows: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}

/** @returns false where the key means nothing here */
function moveByKey({ key }: KeyboardEvent, { zoom, move, reset }: MapViewControl, { width, height }: Size): boolean {
  const arrow = arrows[key]
  if (arrow !== undefined) move(-arrow.x * width * moveShare, -arrow.y * height * moveShare)
  else if (key === '+' || key === '=') zoom(zoomStep)
  else if (key === '-') zoom(1 / zoomStep)
  else if (key === '0') reset()
  else return false
  return true
}

function MapButtons({ zoom, reset }: MapViewControl) {
  const look = 'grid size-7 place-items-center bg-panel text-muted hover:bg-raised hover:text-ink'
  return (
    <div className="absolute right-2 bottom-2 grid divide-y divide-line overflow-hidden rounded-md border border-line-strong">
      <button type="button" aria-label="zoom in" onClick={() => zoom(zoomStep)} className={look}>
        <Plus className="size-4" />
      </button>
      <button type="button" aria-label="zoom out" onClick={() => zoom(1 / zoomStep)} className={look}>
        <Minus className="size-4" />
      </button>
      <button type="button" aria-label="show all of the map" onClick={reset} className={look}>
        <RotateCcw className="size-3.5" />
      </button>
    </div>
  )
}

interface CardProps extends Pick<SwarmMapProps, 'card'> {
  pointed: { region: string; cell: Cell; element: HTMLElement }
  frame: HTMLElement | null
}

/** Beside the cell, within the frame as far as it goes. Its words are in the label of the cell and in the table. */
function Card({ pointed: { region, cell, element }, frame, card }: CardProps) {
  if (frame === null) return null
  const [outer, at] = [frame.getBoundingClientRect(), element.getBoundingClientRect()]
  const isRight = at.left - outer.left > outer.width / 2
  const isLow = at.top - outer.top > outer.height / 2
  return (
    <div
      aria-hidden="true"
      className="pointer-events-none absolute z-10 w-64 rounded-md border border-line-strong bg-panel px-2.5 py-2 text-[13px] shadow-lg"
      style={{
        ...(isRight ? { right: outer.right - at.left + 6 } : { left: at.right - outer.left + 6 }),
        ...(isLow ? { bottom: outer.bottom - at.bottom } : { top: at.top - outer.top }),
      }}
    >
      {card(region, cell)}
    </div>
  )
}
