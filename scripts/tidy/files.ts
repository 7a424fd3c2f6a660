/** Rules about files and folders as such: length, names, companions, paths of one machine. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Finding, lineOf } from './finding.ts'

const FILE_LINES_WARN = 400
const FILE_LINES_FAIL = 600
const FORBIDDEN_FOLDERS = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc'])
const KEBAB_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*\.[a-z]+$/
/** Not ours to style: fetched, generated, or model sources with a style of their own. */
const SKIPPED = new Set(['node_modules', '.git', '.toolchain', '.vitest', 'dist', 'build', 'coverage', 'models'])

const WIRE_PROTOCOLS = ['catalogue', 'have', 'data-offer', 'chunk', 'infer', 'heartbeat']
const WIRE_COMPANIONS = ['README.md', 'vectors.json']

/** A home folder or a checkout of one person. Placeholder names, `/tmp` and system folders are the same everywhere. */
const MACHINE_PATH =
  /(?<![\w.:/*-])\/(?:home\/(?!(?:user|someone|alice|bob)\b)[a-z][\w-]*|Users\/[A-Za-z][\w-]*|root|work)\/[\w.]/

/** Every file that the rules look at, relative to `root`, sorted. */
export function listFiles(root: string): string[] {
  const found: string[] = []
  const visit = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile()) found.push(path)
    }
  }
  visit('')
  return found.sort()
}

export function isSource(path: string): boolean {
  return /\.(ts|tsx|js|mjs|cjs)$/.test(path)
}

export function isText(path: string): boolean {
  return isSource(path) || /\.(md|json|jsonc|sol|sql|sh|ya?ml|cpp|hpp|h)$/.test(path) || path === '.ci/run'
}

export function checkFileText(path: string, source: string): Finding[] {
  const findings: Finding[] = []
  if (isSource(path)) {
    const lines = source.split('\n').length - (source.endsWith('\n') ? 1 : 0)
    if (lines > FILE_LINES_WARN) {
      const severity = lines > FILE_LINES_FAIL ? 'error' : 'warning'
      const message = `${lines} lines; aim for ${FILE_LINES_WARN}, at most ${FILE_LINES_FAIL}`
      findings.push({ rule: 'file-length', severity, path, line: 0, message })
    }
  }
  const machine = path === 'package-lock.json' ? null : MACHINE_PATH.exec(source)
  if (machine) {
    const line = lineOf(source, machine.index)
    const message = `${machine[0]}… exists on one machine only`
    findings.push({ rule: 'machine-path', severity: 'error', path, line, message })
  }
  return findings
}

/** Names of folders and sources, and the companions that each wire protocol must have. */
export function checkTree(paths: readonly string[]): Finding[] {
  const findings: Finding[] = []
  const all = new Set(paths)
  const folders = new Set(
    paths.flatMap((path) =>
      path
        .split('/')
        .slice(0, -1)
        .map((_, i, parts) => parts.slice(0, i + 1).join('/')),
    ),
  )
  for (const folder of folders) {
    const name = folder.slice(folder.lastIndexOf('/') + 1)
    if (FORBIDDEN_FOLDERS.has(name)) {
      const message = 'give the thing its noun, or put it beside its one caller'
      findings.push({ rule: 'folder-name', severity: 'error', path: folder, line: 0, message })
    }
  }
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (isSource(path) && !KEBAB_NAME.test(name)) {
      findings.push({ rule: 'file-name', severity: 'error', path, line: 0, message: 'use kebab-case' })
    }
    const stem = name.split('.')[0] ?? ''
    if (isSource(path) && FORBIDDEN_FOLDERS.has(stem)) {
      findings.push({ rule: 'file-name', severity: 'error', path, line: 0, message: 'name it after its noun' })
    }
  }
  for (const protocol of WIRE_PROTOCOLS) {
    const folder = `protocol/${protocol}`
    if (!folders.has(folder)) continue
    for (const companion of WIRE_COMPANIONS) {
      if (all.has(`${folder}/${companion}`)) continue
      const message = `a wire protocol needs ${companion}`
      findings.push({ rule: 'wire-companion', severity: 'error', path: folder, line: 0, message })
    }
  }
  return findings
}
