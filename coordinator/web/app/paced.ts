/** At once, then at most every `everyMs`, the last call never lost. */
export function paced(act: () => unknown, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let lastMs = Number.NEGATIVE_INFINITY
  return () => {
    if (timer !== undefined) return
    const waitMs = Math.max(0, lastMs + everyMs - performance.now())
    timer = setTimeout(() => {
      timer = undefined
      lastMs = performance.now()
      act()
    }, waitMs)
  }
}
