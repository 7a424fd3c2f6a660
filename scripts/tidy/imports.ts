/** Who may import what: the table of rooms, the faces of features, and one door per heavy package. */
import { posix } from 'node:path'
import type { EcmaScriptModule } from 'oxc-parser'
import { type Finding, isTest, lineOf } from './finding.ts'

export interface ImportEdge {
  /** As written: `#protocol/units.ts`, `./frame.ts`, `node:fs`, `fastify`. */
  specifier: string
  offset: number
  /** Every binding is a type: nothing is loaded at run time. */
  isType: boolean
  /** Names taken, as the other module exports them; `*` for the whole of it. */
  names: readonly string[]
}

/** What a room may import besides itself; a name that ends in `/` is a folder, any other exactly that file. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  native: ['protocol/'],
  contracts: [],
  sql: ['protocol/'],
  node: ['protocol/', 'native/', 'contracts/abi/', 'sql/'],
  coordinator: [
    'protocol/',
    'native/',
    'contracts/abi/',
    'sql/',
    'node/network/index.ts',
    'node/chunks/index.ts',
    'node/query/index.ts',
    'node/chain/index.ts',
    'node/config/index.ts',
    'node/gateway/index.ts',
    'node/log/index.ts',
    'node/runtime/index.ts',
    'node/telemetry/index.ts',
  ],
  'coordinator/web': [
    'protocol/api/',
    'protocol/errors.ts',
    'protocol/hart.ts',
    'protocol/ids.ts',
    'protocol/limits.ts',
    'protocol/units.ts',
    'contracts/abi/',
  ],
}
const UNBOUND_ROOMS = ['scripts', 'test']
/** The command must bring the right Node before anything of ours can run. */
const EXCEPTIONS = new Set(['node/bin/hartonomous.js -> scripts/bootstrap/run.js'])

/** Package (or `@scope/`, or built-in) -> the only places that may load it. Types may be named anywhere but in protocol. */
const DOORS: readonly { packages: readonly string[]; places: readonly string[] }[] = [
  { packages: ['libp2p', '@libp2p/', 'helia', '@helia/'], places: ['node/network/', 'scripts/', 'test/'] },
  {
    packages: ['ethers'],
    places: ['node/chain/', 'contracts/test/', 'test/', 'scripts/', 'coordinator/web/lib/chain.ts'],
  },
  { packages: ['mssql'], places: ['sql/store/mssql/'] },
  { packages: ['node:sqlite'], places: ['sql/store/embedded/', 'scripts/bench/'] },
  { packages: ['usearch'], places: ['sql/store/vectors/'] },
  { packages: ['node-llama-cpp'], places: ['node/inference/llama/', 'scripts/bench/'] },
  { packages: ['jose'], places: ['coordinator/auth/'] },
  { packages: ['@cedar-policy/'], places: ['coordinator/constitution/'] },
  { packages: ['@langchain/'], places: ['coordinator/workflow/'] },
  { packages: ['@modelcontextprotocol/'], places: ['coordinator/api/mcp/'] },
  { packages: ['@opentelemetry/'], places: ['node/telemetry/'] },
  { packages: ['onnxruntime-node'], places: ['node/inference/onnx/'] },
]

/** A leaf does no I/O: what it takes from Node is pure. `node:module` is there to ask for the optional native hash. */
const PROTOCOL_BUILTINS: Readonly<Record<string, readonly string[] | 'all'>> = {
  'node:assert': 'all',
  'node:assert/strict': 'all',
  'node:crypto': 'all',
  'node:module': ['createRequire'],
  'node:net': ['isIP', 'isIPv4', 'isIPv6'],
}

/** Inside node: bin -> cli -> runtime -> features. A higher number may import a lower one. */
const NODE_LAYERS: Readonly<Record<string, number>> = { bin: 3, cli: 2, runtime: 1 }

export function importsOf(module: EcmaScriptModule, source: string): ImportEdge[] {
  const edges: ImportEdge[] = []
  for (const { moduleRequest, entries, start } of module.staticImports) {
    const isType = entries.length > 0 && entries.every((entry) => entry.isType)
    const names = entries.map((entry) => entry.importName.name ?? '*')
    edges.push({ specifier: moduleRequest.value, offset: start, isType, names })
  }
  for (const { entries, start } of module.staticExports) {
    for (const entry of entries) {
      if (entry.moduleRequest) {
        edges.push({ specifier: entry.moduleRequest.value, offset: start, isType: entry.isType, names: ['*'] })
      }
    }
  }
  for (const { moduleRequest, start } of module.dynamicImports) {
    const text = source.slice(moduleRequest.start, moduleRequest.end)
    const literal = /^(['"`])([^'"`$]*)\1$/.exec(text)?.[2]
    if (literal !== undefined) edges.push({ specifier: literal, offset: start, isType: false, names: ['*'] })
  }
  return edges
}

export function checkImports(path: string, source: string, edges: readonly ImportEdge[]): Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  for (const edge of edges) {
    const target = resolveSpecifier(path, edge.specifier)
    const message = target === undefined ? packageProblem(path, edge) : fileProblem(path, target, edge)
    if (message === undefined || seen.has(message)) continue
    seen.add(message)
    findings.push({ rule: 'imports', severity: 'error', path, line: lineOf(source, edge.offset), message })
  }
  return findings
}

/** Path of a file of ours, or undefined for a package or built-in. */
function resolveSpecifier(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1)
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier)
  return undefined
}

function roomOf(path: string): string {
  if (path.startsWith('coordinator/web/')) return 'coordinator/web'
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : ''
}

function isUnder(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))
}

function fileProblem(path: string, target: string, edge: ImportEdge): string | undefined {
  if (target.startsWith('..')) return `imports ${edge.specifier}, outside the repository`
  const [from, to] = [roomOf(path), roomOf(target)]
  if (from === '' || UNBOUND_ROOMS.includes(from) || EXCEPTIONS.has(`${path} -> ${target}`)) return undefined
  if (from !== to) {
    const allowed = ROOMS[from]
    if (allowed === undefined) return `room ${from} is not in the table of rooms`
    if (!isUnder(target, allowed)) return `room ${from} may not import ${target}`
    if (from === 'native' && !edge.isType) return `room native may import types of protocol only, not ${target}`
    return edge.specifier.startsWith('#') ? undefined : `write #${target} for a file of another room`
  }
  return from === 'node' ? featureProblem(path, target) : undefined
}

/** Features of node meet through `index.ts` or `types.ts`, and know nothing of what starts them. */
function featureProblem(path: string, target: string): string | undefined {
  const [from, to] = [path, target].map((file) => file.split('/')[1] ?? '')
  if (from === undefined || to === undefined || from === to) return undefined
  const [fromLayer, toLayer] = [NODE_LAYERS[from] ?? 0, NODE_LAYERS[to] ?? 0]
  if (toLayer > fromLayer && !isTest(path)) return `node/${from} may not import node/${to}, which stands above it`
  if (toLayer > 0 || isTest(path) || /^node\/[^/]+\/(index|types)\.ts$/.test(target)) return undefined
  return `${target} is inside another feature; import node/${to}/index.ts or node/${to}/types.ts`
}

function packageProblem(path: string, edge: ImportEdge): string | undefined {
  const { specifier, isType } = edge
  if (isType && roomOf(path) !== 'protocol') return undefined
  const isProtocolSource = roomOf(path) === 'protocol' && !isTest(path)
  if (isProtocolSource && !isType && specifier.startsWith('node:')) {
    const pure = PROTOCOL_BUILTINS[specifier] ?? []
    const impure = pure === 'all' ? [] : edge.names.filter((name) => !pure.includes(name))
    if (impure.length > 0)
      return `protocol is a leaf without I/O and may not import ${specifier} (${impure.join(', ')})`
  }
  for (const { packages, places } of DOORS) {
    const isMeant = packages.some((name) =>
      name.endsWith('/') ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`),
    )
    if (isMeant && !isUnder(path, places)) return `${specifier} may be imported only by ${places.join(', ')}`
  }
  return undefined
}
