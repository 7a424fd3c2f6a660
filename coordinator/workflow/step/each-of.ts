/** Runs over a list, a few at a time. */

/**
 * Results stand in the order of the items. After a failure nothing more is begun and the rest is told to stop; it has
 * ended when the failure is thrown.
 */
export async function eachOf<I, O>(
  items: readonly I[],
  parallel: number,
  signal: AbortSignal,
  run: (item: I, index: number, signal: AbortSignal) => Promise<O>,
): Promise<O[]> {
  const results = new Array<O>(items.length)
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const failures: unknown[] = []
  let next = 0
  const work = async () => {
    while (next < items.length && !both.aborted) {
      const index = next++
      try {
        results[index] = await run(items[index]!, index, both)
      } catch (error) {
        failures.push(error)
        stop.abort(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, work))
  if (failures.length > 0) throw failures[0]
  signal.throwIfAborted()
  return results
}
