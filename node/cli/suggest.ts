/** The nearest of some words, for `did you mean`. */

/** Damerau's distance with one row per character: insert, delete, replace, swap of neighbours. */
export function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

/** `undefined` where nothing is near: a wrong guess is worse than none. */
export function nearest(text: string, words: readonly string[]): string | undefined {
  const begun = words.filter((word) => text.length >= 3 && word.startsWith(text))
  if (begun.length === 1) return begun[0]
  const limit = text.length <= 3 ? 1 : 2
  const [best] = words
    .map((word) => ({ word, far: distance(text.slice(0, 64), word) }))
    .filter(({ far }) => far <= limit)
    .sort((a, b) => a.far - b.far)
  return best?.word
}
