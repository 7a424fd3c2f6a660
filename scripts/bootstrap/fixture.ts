/** What the tests of the bootstrap share: a temporary copy of it, a registry on loopback, and tarballs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const folder = dirname(fileURLToPath(import.meta.url))

export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Started {
  child: ChildProcess
  finished: Promise<Finished>
  /** Resolves once stdout or stderr contains `text`. */
  saw(text: string): Promise<void>
}

export interface Copy {
  root: string
  write(path: string, content: string): void
  start(args: readonly string[], env?: NodeJS.ProcessEnv): Started
  run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished>
  remove(): void
}

/** A repository of its own with the real bootstrap and no dependencies; `target.mjs` prints its arguments. */
export function createCopy(): Copy {
  const root = mkdtempSync(join(tmpdir(), 'hartonomous-bootstrap-'))
  cpSync(folder, join(root, 'scripts/bootstrap'), { recursive: true, filter: (path) => !path.endsWith('.ts') })
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  writePackages({ write }, {})
  write('target.mjs', 'console.log(JSON.stringify(process.argv.slice(2)))\n')
  const start: Copy['start'] = (args, env = {}) => startProcess(root, args, env)
  return {
    root,
    write,
    start,
    run: (args, env) => start(args, env).finished,
    remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }),
  }
}

function startProcess(root: string, args: readonly string[], env: NodeJS.ProcessEnv): Started {
  const child = spawn(process.execPath, ['scripts/bootstrap/run.js', ...args], {
    cwd: root,
    env: { ...process.env, npm_config_cache: join(root, 'npm-cache'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (part: string) => {
      output[name] += part
      for (const look of waiting) look()
    })
  }
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...output }))
  })
  const saw = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!(output.stdout + output.stderr).includes(text)) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      void finished.then(() => reject(new Error(`ended without ${JSON.stringify(text)}: ${output.stderr}`)))
      look()
    })
  return { child, finished, saw }
}

export interface Tarball {
  bytes: Buffer
  integrity: string
}

/** package.json and lock file that ask for these packages, each served by a registry at `url`. */
export function writePackages(
  { write }: Pick<Copy, 'write'>,
  packages: Readonly<Record<string, { url: string; tarball: Tarball }>>,
): void {
  const dependencies = Object.fromEntries(Object.keys(packages).map((name) => [name, '1.0.0']))
  const manifest = { name: 'copy', version: '1.0.0', type: 'module', dependencies }
  const entries = Object.entries(packages).map(([name, { url, tarball }]) => [
    `node_modules/${name}`,
    { version: '1.0.0', resolved: `${url}/${name}/-/${name}-1.0.0.tgz`, integrity: tarball.integrity },
  ])
  const lock = { name: 'copy', version: '1.0.0', lockfileVersion: 3, requires: true }
  write('package.json', JSON.stringify(manifest))
  write('package-lock.json', JSON.stringify({ ...lock, packages: { '': manifest, ...Object.fromEntries(entries) } }))
}

/** Makes `HARTONOMOUS_NODE=pinned` in this copy mean the given package, version 24.99.0. */
export function pinNode(copy: Copy, tarball: Tarball): void {
  const file = 'scripts/bootstrap/toolchain.json'
  const toolchain = JSON.parse(readFileSync(join(copy.root, file), 'utf8'))
  toolchain.node.platforms[`${process.platform}-${process.arch}`] = {
    package: 'node-test',
    version: '24.99.0',
    integrity: tarball.integrity,
    sizeBytes: tarball.bytes.length,
    binary: 'bin/node',
  }
  copy.write(file, JSON.stringify(toolchain))
}

/** `package/<name>` -> text, as npm packs it. */
export function createTarball(files: Readonly<Record<string, string>>): Tarball {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const body = Buffer.from(text)
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write('0000755', 100)
    header.write(body.length.toString(8).padStart(11, '0'), 124)
    header.write('        0', 148)
    header.write('ustar\u000000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148)
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]
  })
  const bytes = gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
  return { bytes, integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}` }
}

export interface Registry {
  url: string
  requests: IncomingMessage[]
  close(): Promise<void>
}

export async function createRegistry(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<Registry> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => answer(request, response, requests.push(request)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
