/** One thing that a rule has to say about a file. Warnings are printed; errors fail the check. */
export interface Finding {
  rule: string
  severity: 'error' | 'warning'
  /** Relative to the repository root, with `/`. */
  path: string
  /** Counted from 1; 0 where the finding is about the file or folder as a whole. */
  line: number
  message: string
}

export function lineOf(source: string, offset: number): number {
  let line = 1
  for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1)) line++
  return line
}

export function isTest(path: string): boolean {
  return /\.test\.ts$/.test(path)
}
