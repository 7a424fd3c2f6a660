/** Which part of the map is seen: moved by pointer, wheel, pinch and keys, and kept in the address. */
import { type RefObject, useEffect, useEffectEvent, useRef, useState } from 'react'
import type { Projection, Size } from './world.ts'

/** A place of the projection at `x`, `y` is seen at `scale * x + dx`, `scale * y + dy`. In px. */
export interface MapView {
  scale: number
  dx: number
  dy: number
}

export const scaleMax = 24
const home: MapView = { scale: 1, dx: 0, dy: 0 }
/** Moved less than this, a press was a click. */
const dragMinPx = 4
/** The address is written when the hand rests. */
const settleMs = 300

/** The map never leaves its frame. */
export function within({ scale, dx, dy }: MapView, { width, height }: Size): MapView {
  const fit = Math.min(scaleMax, Math.max(1, scale))
  const clamp = (offset: number, length: number) => Math.min(0, Math.max(length * (1 - fit), offset))
  return { scale: fit, dx: clamp(dx, width), dy: clamp(dy, height) }
}

/** The place under `x`, `y` stays there. */
export function zoomed({ scale, dx, dy }: MapView, factor: number, x: number, y: number, size: Size): MapView {
  const next = Math.min(scaleMax, Math.max(1, scale * factor))
  const by = next / scale
  return within({ scale: next, dx: x - (x - dx) * by, dy: y - (y - dy) * by }, size)
}

/** `2.5,13.4,52.5`; absent where all is seen. */
export function viewText(view: MapView, projection: Projection, { width, height }: Size): string | undefined {
  if (view.scale <= 1.001) return undefined
  const centre = projection.invert([(width / 2 - view.dx) / view.scale, (height / 2 - view.dy) / view.scale])
  return [view.scale.toFixed(2), centre[0].toFixed(1), centre[1].toFixed(1)].map(Number).join(',')
}

export function viewOf(text: string | undefined, projection: Projection, size: Size): MapView {
  const [scale = 1, longitude = 0, latitude = 0] = (text ?? '').split(',').map(Number)
  if (text === undefined) return home
  const at = projection.project([longitude, latitude])
  return within({ scale, dx: size.width / 2 - scale * at[0], dy: size.height / 2 - scale * at[1] }, size)
}

export interface MapViewControl {
  view: MapView
  zoom: (factor: number) => void
  move: (dx: number, dy: number) => void
  reset: () => void
  /** The last press moved the map: it is no click. */
  hasDragged: () => boolean
}

interface MapViewOptions {
  frame: RefObject<HTMLElement | null>
  projection: Projection
  size: Size
  text: string | undefined
  onSettle: (text: string | undefined) => void
}

/** Of one size: another one begins anew, at what the address says. */
export function useMapView({ frame, projection, size, text, onSettle }: MapViewOptions): MapViewControl {
  const [view, setView] = useState(() => viewOf(text, projection, size))
  const dragged = useRef(false)
  /** What the address says as far as this map knows: its own words come back to it, and are not to be obeyed. */
  const written = useRef(text)
  const settle = useEffectEvent(onSettle)
  useEffect(() => {
    if (text === written.current) return
    written.current = text
    setView(viewOf(text, projection, size))
  }, [text, projection, size])
  useEffect(() => {
    const timer = setTimeout(() => {
      const now = viewText(view, projection, size)
      if (now === written.current) return
      written.current = now
      settle(now)
    }, settleMs)
    return () => clearTimeout(timer)
  }, [view, projection, size])
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    return followPointers(element, {
      onZoom: (factor, x, y) => setView((known) => zoomed(known, factor, x, y, size)),
      onMove: (dx, dy) => setView((known) => within({ ...known, dx: known.dx + dx, dy: known.dy + dy }, size)),
      onPress: (hasMoved) => {
        dragged.current = hasMoved
      },
    })
  }, [frame, size])
  return {
    view,
    zoom: (factor) => setView((known) => zoomed(known, factor, size.width / 2, size.height / 2, size)),
    move: (dx, dy) => setView((known) => within({ ...known, dx: known.dx + dx, dy: known.dy + dy }, size)),
    reset: () => setView(home),
    hasDragged: () => dragged.current,
  }
}

interface Gestures {
  onZoom: (factor: number, x: number, y: number) => void
  onMove: (dx: number, dy: number) => void
  onPress: (hasMoved: boolean) => void
}

function followPointers(element: HTMLElement, { onZoom, onMove, onPress }: Gestures): () => void {
  const pointers = new Map<number, { x: number; y: number }>()
  let movedPx = 0
  const placeOf = ({ clientX, clientY }: MouseEvent) => {
    const box = element.getBoundingClientRect()
    return { x: clientX - box.left, y: clientY - box.top }
  }
  /** The wheel belongs to the page, unless it is meant: with Ctrl, as a pinch on a pad is, or when the map has the focus. */
  const onWheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey && !element.contains(document.activeElement)) return
    event.preventDefault()
    const { x, y } = placeOf(event)
    onZoom(2 ** (-event.deltaY / (event.ctrlKey ? 100 : 300)), x, y)
  }
  const onDown = (event: PointerEvent) => {
    if (event.button !== 0) return
    movedPx = 0
    onPress(false)
    pointers.set(event.pointerId, placeOf(event))
  }
  const onPointerMove = (event: PointerEvent) => {
    const before = pointers.get(event.pointerId)
    if (before === undefined) return
    const now = placeOf(event)
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1]
    movedPx += Math.hypot(now.x - before.x, now.y - before.y)
    if (movedPx > dragMinPx) {
      onPress(true)
      if (!element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId)
      if (other === undefined) onMove(now.x - before.x, now.y - before.y)
      else {
        const [was, is] = [before, now].map(({ x, y }) => Math.hypot(x - other.x, y - other.y))
        onZoom(is! / Math.max(1, was!), (now.x + other.x) / 2, (now.y + other.y) / 2)
      }
    }
    pointers.set(event.pointerId, now)
  }
  const onUp = (event: PointerEvent) => void pointers.delete(event.pointerId)
  const stop = new AbortController()
  const { signal } = stop
  element.addEventListener('wheel', onWheel, { passive: false, signal })
  element.addEventListener('pointerdown', onDown, { signal })
  element.addEventListener('pointermove', onPointerMove, { signal })
  element.addEventListener('pointerup', onUp, { signal })
  element.addEventListener('pointercancel', onUp, { signal })
  return () => stop.abort()
}
