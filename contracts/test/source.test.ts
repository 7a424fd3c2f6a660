import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { CONTRACT_NAMES } from '../abi/deployment.ts'

/** A node of solc's syntax tree, as far as it is used here. */
interface SyntaxNode {
  nodeType: string
  id?: number
  name?: string
  visibility?: string
  stateMutability?: string
  implemented?: boolean
  memberName?: string
  referencedDeclaration?: number
  typeDescriptions?: { typeString?: string }
  [key: string]: unknown
}

interface AbiItem {
  type: string
  name?: string
  inputs?: { type: string; components?: AbiItem['inputs'] }[]
}

type Documentation = Record<string, { notice?: string; details?: string } | { notice?: string; details?: string }[]>

interface Compiled {
  sources: Record<string, { ast: SyntaxNode }>
  contracts: Record<
    string,
    Record<
      string,
      {
        abi: AbiItem[]
        userdoc: Record<string, Documentation>
        devdoc: Record<string, Documentation>
      }
    >
  >
}

const root = fileURLToPath(new URL('../..', import.meta.url))
let compiled: Compiled
/** Every function of all files by the id of its node. */
const functions = new Map<number, SyntaxNode>()

beforeAll(() => {
  const solc = createRequire(import.meta.url)('solc') as {
    compile(input: string, callbacks: { import: (path: string) => { contents: string } }): string
  }
  const sources = Object.fromEntries(
    CONTRACT_NAMES.map((name) => [
      `contracts/${name}.sol`,
      { content: readFileSync(`${root}contracts/${name}.sol`, 'utf8') },
    ]),
  )
  // Syntax and documentation only: no code is generated, so that it takes a second.
  const outputSelection = { '*': { '*': ['abi', 'userdoc', 'devdoc'], '': ['ast'] } }
  const input = JSON.stringify({ language: 'Solidity', sources, settings: { outputSelection } })
  const readSource = (path: string) => ({
    contents: readFileSync(`${root}${path.startsWith('@') ? 'node_modules/' : ''}${path}`, 'utf8'),
  })
  compiled = JSON.parse(solc.compile(input, { import: readSource })) as Compiled
  for (const { ast } of Object.values(compiled.sources)) {
    walk(ast, (node) => {
      if (node.nodeType === 'FunctionDefinition') functions.set(node.id!, node)
    })
  }
})

function walk(node: unknown, visit: (node: SyntaxNode) => void): void {
  if (Array.isArray(node)) {
    for (const child of node) walk(child, visit)
  } else if (typeof node === 'object' && node !== null) {
    if ('nodeType' in node) visit(node as SyntaxNode)
    for (const child of Object.values(node)) walk(child, visit)
  }
}

/** Whether a function, or one that it calls, emits an event. */
function emits(node: SyntaxNode, seen = new Set<number>()): boolean {
  if (seen.has(node.id!)) return false
  seen.add(node.id!)
  let found = false
  walk(node, (inner) => {
    if (inner.nodeType === 'EmitStatement') found = true
    const called = functions.get(inner.referencedDeclaration ?? -1)
    if (called !== undefined && !found) found = emits(called, seen)
  })
  return found
}

function typeOf(input: NonNullable<AbiItem['inputs']>[number]): string {
  if (!input.type.startsWith('tuple')) return input.type
  return `(${(input.components ?? []).map(typeOf).join(',')})${input.type.slice('tuple'.length)}`
}

function signatureOf({ name, inputs }: AbiItem): string {
  return `${name}(${(inputs ?? []).map(typeOf).join(',')})`
}

/** Of OpenZeppelin's ShortStrings, which cannot happen: our names are short. */
const FOREIGN = ['InvalidShortString()', 'StringTooLong(string)']
const SECTIONS = ['methods', 'events', 'errors', 'stateVariables']

test.each(CONTRACT_NAMES)('source: everything in the interface of %s is documented', (name) => {
  const { abi, userdoc, devdoc } = compiled.contracts[`contracts/${name}.sol`]![name]!
  const documented = new Set<string>()
  for (const doc of [userdoc, devdoc]) {
    for (const section of SECTIONS) {
      for (const [signature, entry] of Object.entries(doc[section] ?? {})) {
        const texts = [entry].flat().map(({ notice, details }) => notice ?? details ?? '')
        // A word or two say nothing that the name does not.
        if (texts.some((text) => text.length > 8)) documented.add(signature)
      }
    }
  }
  const missing = abi
    .filter(({ type }) => ['function', 'event', 'error'].includes(type))
    .map((item) => ({ signature: signatureOf(item), name: item.name ?? '' }))
    .filter((item) => !documented.has(item.signature) && !documented.has(item.name))
    .map(({ signature }) => signature)
    .filter((signature) => !FOREIGN.includes(signature))
  expect(missing).toEqual([])
})

test.each(CONTRACT_NAMES)('source: every function of %s that changes state leaves an event', (name) => {
  const silent: string[] = []
  let checked = 0
  for (const node of compiled.sources[`contracts/${name}.sol`]!.ast['nodes'] as SyntaxNode[]) {
    if (node.nodeType !== 'ContractDefinition') continue
    for (const member of node['nodes'] as SyntaxNode[]) {
      const isEntry = member.visibility === 'external' || member.visibility === 'public'
      if (member.nodeType !== 'FunctionDefinition' || !isEntry || member['kind'] === 'constructor') continue
      if (member.stateMutability !== 'nonpayable') continue
      checked++
      if (!emits(member)) silent.push(member.name!)
    }
  }
  expect(checked).toBeGreaterThan(0)
  expect(silent).toEqual([])
})

test('source: no contract takes ether, asks who started a transaction, runs foreign code or can be destroyed', () => {
  const found: string[] = []
  for (const name of CONTRACT_NAMES) {
    walk(compiled.sources[`contracts/${name}.sol`]!.ast, (node) => {
      if (['origin', 'delegatecall', 'callcode', 'selfdestruct'].includes(node.memberName ?? node.name ?? '')) {
        found.push(`${name}: ${node.memberName ?? node.name}`)
      }
      if (node.nodeType === 'FunctionDefinition' && node.stateMutability === 'payable') found.push(`${name}: payable`)
      if (node.nodeType === 'FunctionDefinition' && ['receive', 'fallback'].includes(String(node['kind']))) {
        found.push(`${name}: ${String(node['kind'])}`)
      }
    })
  }
  expect(found).toEqual([])
})

test('source: no loop runs over a list in storage, which others could make long', () => {
  const found: string[] = []
  let loops = 0
  for (const name of CONTRACT_NAMES) {
    walk(compiled.sources[`contracts/${name}.sol`]!.ast, (node) => {
      if (node.nodeType !== 'ForStatement' && node.nodeType !== 'WhileStatement') return
      loops++
      walk(node['condition'], (inner) => {
        const type = (inner['expression'] as SyntaxNode | undefined)?.typeDescriptions?.typeString ?? ''
        if (inner.memberName === 'length' && type.includes('storage')) found.push(`${name}: ${type}`)
      })
    })
  }
  expect(loops).toBeGreaterThan(5)
  expect(found).toEqual([])
})

test('source: interfaces say of every function that changes state who may call it', () => {
  const missing: string[] = []
  for (const name of CONTRACT_NAMES) {
    const path = `contracts/interfaces/I${name}.sol`
    for (const node of compiled.sources[path]!.ast['nodes'] as SyntaxNode[]) {
      if (node.nodeType !== 'ContractDefinition') continue
      for (const member of node['nodes'] as SyntaxNode[]) {
        if (member.nodeType !== 'FunctionDefinition' || member.stateMutability !== 'nonpayable') continue
        const { text } = (member['documentation'] ?? { text: '' }) as { text: string }
        if (!/\b(caller|callers|calling|anyone|only|juror|bond of)\b/i.test(text))
          missing.push(`${name}.${member.name}`)
      }
    }
  }
  expect(missing).toEqual([])
})
