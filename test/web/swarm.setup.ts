/**
 * The swarm that all tests of pages look at: what `npm start` starts, five nodes, a coordinator and a chain. Started once,
 * and only where there is a browser to look at it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { findChromium } from './chromium.ts'

/** The last line of `hart devnet --json` before it stays. */
export interface WebSwarm {
  coordinatorUrl: string
  explorerUrl: string
  /** Absent where the program of the local chain is missing. */
  rpcUrl?: string
  addressBook?: string
  /** 1 to 5, and the coordinator's own as the sixth. */
  nodes: { node: number; apiUrl: string; dataDir: string; pid: number }[]
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the swarm is asked for: it starts with the first test that needs it. Empty: there is no browser. */
    swarmUrl: string
  }
}

const program = fileURLToPath(new URL('../../node/bin/main.ts', import.meta.url))

/** All other tests may come before the first page: a swarm that waits for it would slow them down. @returns how it is stopped */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { path, reason } = findChromium()
  if (path === undefined) {
    project.provide('swarmUrl', '')
    console.warn(`pages are not tested: ${reason}`)
    return undefined
  }
  let swarm: Promise<RunningSwarm> | undefined
  const server = createServer((_request, response) => {
    swarm ??= startSwarm()
    swarm.then(
      ({ staying }) => response.end(JSON.stringify(staying)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  project.provide('swarmUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return async () => {
    server.close()
    await (await swarm?.catch(() => undefined))?.stop()
  }
}

interface RunningSwarm {
  staying: WebSwarm
  stop(): Promise<void>
}

async function startSwarm(): Promise<RunningSwarm> {
  const child = spawn(process.execPath, [program, 'devnet', '--json', '--no-caps', '--regions', 'DE,US,JP'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    stderr = (stderr + part).slice(-4000)
  })
  const staying = Promise.withResolvers<WebSwarm>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('"event":"staying"')) staying.resolve(JSON.parse(line) as WebSwarm)
  })
  void exited.then(([code]) => staying.reject(new Error(`the swarm ended with ${code}: ${stderr}`)))
  return {
    staying: await staying.promise,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}
