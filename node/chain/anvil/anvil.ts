/**
 * A chain of one's own that survives restarts: anvil as a child process on loopback. It mines when there is a transaction
 * and at no other time, because its state is one file that is written whole: empty blocks would fill the disk. For trying
 * out; it is no consensus among peers, who share a chain over `connectRpc`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HDNodeWallet, toBeHex } from 'ethers'
import { HartonomousError } from '#protocol/errors.ts'
import { chainStartTimeoutMs, chainStopTimeoutMs } from '#protocol/limits.ts'
import { connectRpc } from '../rpc.ts'
import type { ChainConnection } from '../types.ts'
import { anvilBinary } from './binary.ts'
import { loadOrCreateMnemonic } from './mnemonic.ts'
import { type StateFound, secureState } from './state-file.ts'

export interface AnvilOptions {
  /** Holds the chain: its state and its keys. One process at a time. */
  folder: string
  /** 0 takes any. */
  port?: number
  chainId?: number
  /** Most that is lost when the machine loses power. */
  stateIntervalSeconds?: number
}

export interface AnvilChain extends ChainConnection {
  rpcUrl: string
  /** Of the keeper, whose end is the end of the chain. */
  pid: number
  state: StateFound
  /** The account `index` of this chain's own words; the first has ether, and pays for the deployment. */
  account(index: number): HDNodeWallet
  /** Why it ended, once it has. */
  exited: Promise<string>
}

/** Of no public chain, and not the 1337 and 31337 that wallets know as somebody's test. */
export const localChainId = 31_415
const keeper = fileURLToPath(new URL('./keeper.ts', import.meta.url))
const firstBalanceWei = 10n ** 24n
const lastLinesMax = 20

/** @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CONFIG} {ERR_IO} */
export async function startAnvil(options: AnvilOptions): Promise<AnvilChain> {
  const { folder, port = 0, chainId = localChainId, stateIntervalSeconds = 15 } = options
  const program = anvilBinary()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const mnemonic = await loadOrCreateMnemonic(join(folder, 'mnemonic'))
  const stateFile = join(folder, 'state.json')
  const state = await secureState(stateFile)
  // No accounts: every key stays in our own hands, and pages of a browser are not let in.
  const given = ['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId), '--accounts', '0']
  given.push('--no-cors', '--state', stateFile, '--state-interval', String(stateIntervalSeconds))
  // A group of its own: Ctrl-C reaches us alone, and we stop it in order.
  const child = spawn(process.execPath, [keeper, program, ...given], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    // Windows opens no socket without SystemRoot.
    env: { PATH: process.env['PATH'], SystemRoot: process.env['SystemRoot'] },
  })
  const { exited, listening } = watch(child)
  const stop = async () => {
    child.stdin?.destroy()
    const timer = setTimeout(() => killGroup(child), chainStopTimeoutMs)
    await exited
    clearTimeout(timer)
  }
  try {
    const rpcUrl = `http://${await listening}`
    const connection = await connectRpc({ url: rpcUrl, chainId })
    const root = HDNodeWallet.fromMnemonic(mnemonic, "m/44'/60'/0'/0")
    const account = (index: number) => root.deriveChild(index).connect(connection.provider)
    const { provider } = connection
    if (state === 'none') await provider.send('anvil_setBalance', [account(0).address, toBeHex(firstBalanceWei)])
    const close = async () => {
      await connection.close()
      await stop()
    }
    return { ...connection, rpcUrl, pid: child.pid!, state, account, exited, close }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Reads what it says: where it listens, or why it ended. */
function watch(child: ChildProcess): { exited: Promise<string>; listening: Promise<string> } {
  const lines: string[] = []
  const listening = Promise.withResolvers<string>()
  const unavailable = (reason: string) =>
    new HartonomousError('ERR_CHAIN_UNAVAILABLE', { url: 'this machine', reason: `anvil ${reason}` })
  const hear = (text: string) => {
    lines.push(...text.split('\n').filter((line) => line.trim() !== ''))
    lines.splice(0, lines.length - lastLinesMax)
    const address = lines.map((line) => /^Listening on (\S+)/.exec(line)?.[1]).find((found) => found !== undefined)
    if (address !== undefined) listening.resolve(address)
  }
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', hear)
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal === null ? `ended with ${code}` : `was killed by ${signal}`))
  })
  const timer = setTimeout(
    () => listening.reject(unavailable(`does not listen after ${chainStartTimeoutMs} ms`)),
    chainStartTimeoutMs,
  )
  void exited.then((reason) => listening.reject(unavailable(`${reason}: ${lines.slice(-3).join(' ').slice(0, 300)}`)))
  listening.promise.catch(() => {}).finally(() => clearTimeout(timer))
  return { exited, listening: listening.promise }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}
