/**
 * The swarm that all tests of pages look at: what `npm start` starts, five nodes, a coordinator and a chain. Started once,
 * and only where there is a browser to look at it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
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
    swarm: WebSwarm | undefined
  }
}

const program = fileURLToPath(new URL('../../node/bin/main.ts', import.meta.url))

/** @returns how it is stopped */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { path, reason } = findChromium()
  project.provide('swarm', undefined)
  if (path === undefined) {
    console.warn(`pages are not tested: ${reason}`)
    return undefined
  }
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
  project.provide('swarm', await staying.promise)
  return async () => {
    child.kill('SIGTERM')
    await exited
  }
}
