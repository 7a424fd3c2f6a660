/**
 * Style as a test: rules that a linter does not know. `node scripts/tidy.ts` prints what it finds and fails on errors;
 * `tidy.test.ts` runs the same. A new rule of style is a new check here, not a paragraph.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'
import { checkFileText, checkTree, isSource, isText, listFiles } from './tidy/files.ts'
import type { Finding } from './tidy/finding.ts'
import { checkImports, importsOf } from './tidy/imports.ts'
import { checkSyntax } from './tidy/syntax.ts'

export type { Finding } from './tidy/finding.ts'

export interface TidyReport {
  findings: Finding[]
  moduleCount: number
  importCount: number
}

/** @param files path relative to the root -> text; other names of `paths` count for the rules about the tree only. */
export function tidyFiles(paths: readonly string[], read: (path: string) => string): TidyReport {
  const report: TidyReport = { findings: checkTree(paths), moduleCount: 0, importCount: 0 }
  for (const path of paths) {
    if (!isText(path)) continue
    const source = read(path)
    report.findings.push(...checkFileText(path, source))
    if (!isSource(path)) continue
    const parsed = parseSync(path, source)
    for (const error of parsed.errors) {
      report.findings.push({ rule: 'syntax', severity: 'error', path, line: 0, message: error.message })
    }
    const edges = importsOf(parsed.module, source)
    report.moduleCount++
    report.importCount += edges.length
    report.findings.push(...checkImports(path, source, edges), ...checkSyntax(path, source, parsed))
  }
  // A parser that silently sees nothing would make every rule hold.
  if (report.moduleCount === 0 || report.importCount === 0) {
    const message = `saw ${report.moduleCount} modules and ${report.importCount} imports; the rules have not been checked`
    report.findings.push({ rule: 'tidy', severity: 'error', path: '.', line: 0, message })
  }
  return report
}

export function tidy(root: string): TidyReport {
  return tidyFiles(listFiles(root), (path) => readFileSync(join(root, path), 'utf8'))
}

export function formatFinding({ path, line, severity, rule, message }: Finding): string {
  return `${path}${line > 0 ? `:${line}` : ''} ${severity} ${rule}: ${message}`
}

if (import.meta.main) {
  const { findings, moduleCount, importCount } = tidy(fileURLToPath(new URL('..', import.meta.url)))
  for (const finding of findings) console.log(formatFinding(finding))
  const errors = findings.filter((finding) => finding.severity === 'error').length
  console.error(
    `tidy: ${moduleCount} modules, ${importCount} imports, ${errors} errors, ${findings.length - errors} warnings`,
  )
  if (errors > 0) process.exitCode = 1
}
