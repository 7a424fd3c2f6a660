/** Long work in short steps, so that a thread that serves others can do it between other things. */
/** Yields wherever it may be interrupted; returns its result. */
export type Steps<T> = Generator<undefined, T, undefined>

/** A slice of this length is not noticed by anybody who waits for the thread. */
const sliceMs = 8

export function runAtOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Resolves when everybody else who waits for the thread has had a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Lets the event loop turn after each slice. */
export async function runInSlices<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const endMs = performance.now() + sliceMs
    do {
      const step = steps.next()
      if (step.done) return step.value
    } while (performance.now() < endMs)
    await nextTurn()
  }
}
