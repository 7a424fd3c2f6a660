/** Which rows of a long table are seen: only those exist. All rows are of one height. */
import { type RefObject, useEffect, useState } from 'react'

/** Above and below what is seen, so that scrolling shows no gap. */
const spare = 12

export interface VisibleRows {
  first: number
  /** Not among them any more. */
  end: number
}

export function useVisibleRows(frame: RefObject<HTMLElement | null>, count: number, rowPx: number): VisibleRows {
  const [seen, setSeen] = useState<VisibleRows>({ first: 0, end: 4 * spare })
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const look = () => {
      // In steps, so that not each pixel draws the table anew.
      const first = Math.floor(element.scrollTop / rowPx / spare) * spare
      const end = first + spare + Math.ceil(element.clientHeight / rowPx)
      setSeen((known) => (known.first === first && known.end === end ? known : { first, end }))
    }
    look()
    element.addEventListener('scroll', look, { passive: true })
    const observer = new ResizeObserver(look)
    observer.observe(element)
    return () => {
      element.removeEventListener('scroll', look)
      observer.disconnect()
    }
  }, [frame, rowPx])
  const end = Math.min(count, seen.end + spare)
  return { first: Math.max(0, Math.min(seen.first - spare, end - 1)), end }
}
