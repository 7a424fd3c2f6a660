/** The time for everything that shows an age: one timer for the page, none while it is hidden. */
import { useSyncExternalStore } from 'react'

const tickMs = 1000

let nowMs = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

function tick(): void {
  if (document.hidden) return
  nowMs = Date.now()
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  if (timer === undefined) {
    timer = setInterval(tick, tickMs)
    document.addEventListener('visibilitychange', tick)
  }
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
    document.removeEventListener('visibilitychange', tick)
  }
}

/** In ms since 1970, by this browser's clock, a second old at most. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => nowMs)
}
