/** Rules that need the syntax tree: function length, default exports, `.only`, names of tests, open ends in comments. */
import type { ParseResult, Program } from 'oxc-parser'
import { type Finding, isTest, lineOf } from './finding.ts'

const FUNCTION_LINES_WARN = 70
const TEST_WORDS_MIN = 3
const RUNNERS = new Set(['test', 'it', 'describe', 'suite', 'bench'])
const FUNCTION_TYPES = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

interface Node {
  type: string
  start: number
  end: number
  [key: string]: unknown
}

export function checkSyntax(path: string, source: string, parsed: ParseResult): Finding[] {
  const findings: Finding[] = []
  const report = (rule: string, severity: Finding['severity'], offset: number, message: string) =>
    findings.push({ rule, severity, path, line: lineOf(source, offset), message })

  for (const { value, start } of parsed.comments) {
    const open = /\b(TODO|FIXME)\b/.exec(value)?.[1]
    if (open) report('open-end', 'error', start, `${open}: finish it, or open an issue and leave it out`)
  }
  walk(parsed.program, (node) => {
    if (node.type === 'ExportDefaultDeclaration' && !/\.config\.ts$/.test(path)) {
      report('default-export', 'error', node.start, 'export by name')
    } else if (FUNCTION_TYPES.has(node.type) && !isSuite(path)) {
      const lines = lineOf(source, node.end) - lineOf(source, node.start) + 1
      if (lines > FUNCTION_LINES_WARN) {
        report('function-length', 'warning', node.start, `${lines} lines; at most ${FUNCTION_LINES_WARN} read well`)
      }
    } else if (node.type === 'CallExpression' && isTest(path)) checkCall(node, report)
  })
  return findings
}

/** A suite is one long function by nature: its parts are the tests. */
function isSuite(path: string): boolean {
  return isTest(path) || /\/compliance(\/|\.ts$)/.test(path)
}

type Report = (rule: string, severity: Finding['severity'], offset: number, message: string) => void

function checkCall(node: Node, report: Report): void {
  const callee = node['callee'] as Node
  const names = memberNames(callee)
  if (!RUNNERS.has(names[0] ?? '')) return
  if (names.includes('only')) report('only', 'error', node.start, '.only leaves every other test out')
  if (names[0] !== 'test' && names[0] !== 'it') return
  const title = (node['arguments'] as Node[])[0]
  if (title?.type !== 'Literal' || typeof title['value'] !== 'string') return
  if (title['value'].trim().split(/\s+/).length < TEST_WORDS_MIN) {
    report('test-name', 'error', node.start, `"${title['value']}" is not a sentence: say who does what`)
  }
}

/** `test.only.each` -> ['test', 'only', 'each']; calls in between are looked through. */
function memberNames(node: Node | undefined): string[] {
  if (node === undefined) return []
  if (node.type === 'Identifier') return [String(node['name'])]
  if (node.type === 'CallExpression') return memberNames(node['callee'] as Node)
  if (node.type !== 'MemberExpression') return []
  const property = node['property'] as Node
  return [...memberNames(node['object'] as Node), String(property['name'] ?? '')]
}

function walk(program: Program, visit: (node: Node) => void): void {
  const waiting: unknown[] = [program]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (Array.isArray(value)) waiting.push(...value)
    else if (typeof value === 'object' && value !== null) {
      if (typeof (value as Node).type === 'string') visit(value as Node)
      waiting.push(...Object.values(value))
    }
  }
}
