/** Any chain that speaks JSON-RPC, over http(s) or a websocket. */
import {
  FetchRequest,
  type JsonRpcApiProvider,
  JsonRpcProvider,
  Network,
  type WebSocketLike,
  WebSocketProvider,
} from 'ethers'
import { HartonomousError } from '#protocol/errors.ts'
import { chainRequestTimeoutMs } from '#protocol/limits.ts'
import { shownUrl, withChainFailures } from './failure.ts'
import type { ChainConnection } from './types.ts'

export interface RpcOptions {
  url: string
  /** Refuses another chain. */
  chainId?: number
  timeoutMs?: number
}

/** How often a node that waits for its transaction asks: a chain of this machine mines at once. */
const loopbackPollMs = 50
const remotePollMs = 1_500

/** @throws {ERR_CONFIG} {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG} */
export async function connectRpc(options: RpcOptions): Promise<ChainConnection> {
  const { url, timeoutMs = chainRequestTimeoutMs } = options
  const { protocol } = parseUrl(url)
  const isSocket = protocol === 'ws:' || protocol === 'wss:'
  const connect = (network: Network): Promise<JsonRpcApiProvider> =>
    isSocket ? connectSocket(url, network, timeoutMs) : Promise.resolve(connectHttp(url, network, timeoutMs))
  return await withChainFailures('eth_chainId', url, async () => {
    // Asked with a network of any name first: ethers would else ask by itself, for ever, and print what fails.
    const asking = await connect(Network.from(options.chainId ?? 1))
    const chainId = Number(await asking.send('eth_chainId', []).finally(() => asking.destroy()))
    if (!Number.isSafeInteger(chainId) || chainId <= 0) {
      throw new HartonomousError('ERR_CHAIN_WRONG', { reason: `${shownUrl(url)} does not tell its chain id` })
    }
    if (options.chainId !== undefined && chainId !== options.chainId) {
      const reason = `${shownUrl(url)} is chain ${chainId}, expected ${options.chainId}`
      throw new HartonomousError('ERR_CHAIN_WRONG', { reason })
    }
    const provider = await connect(Network.from(chainId))
    return { chainId, rpcUrl: url, provider, close: async () => void provider.destroy() }
  })
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^(https?|wss?):$/.test(parsed.protocol)) {
    const reason = 'the address of a chain is a URL of http, https, ws or wss'
    throw new HartonomousError('ERR_CONFIG', { key: 'chain.rpc', reason })
  }
  return parsed
}

function connectHttp(url: string, network: Network, timeoutMs: number): JsonRpcProvider {
  const request = new FetchRequest(url)
  request.timeout = timeoutMs
  const isLoopback = /^(127\.|localhost$|\[::1\]$)/.test(new URL(url).hostname)
  // One request each: not every service takes batches. Nothing is remembered: nonces and balances are asked anew.
  return new JsonRpcProvider(request, network, {
    staticNetwork: network,
    batchMaxCount: 1,
    cacheTimeout: -1,
    pollingInterval: isLoopback ? loopbackPollMs : remotePollMs,
  })
}

/** ethers lets a question wait for ever when the socket has closed under it. */
class TimedSocketProvider extends WebSocketProvider {
  readonly #timeoutMs: number

  constructor(socket: WebSocket, network: Network, timeoutMs: number) {
    super(socket as WebSocketLike, network, { staticNetwork: network, cacheTimeout: -1 })
    this.#timeoutMs = timeoutMs
  }

  override send(method: string, params: unknown[] | Record<string, unknown>): Promise<unknown> {
    return within(this.#timeoutMs, super.send(method, params))
  }
}

async function connectSocket(url: string, network: Network, timeoutMs: number): Promise<WebSocketProvider> {
  const socket = new WebSocket(url)
  const opened = Promise.withResolvers<void>()
  socket.addEventListener('open', () => opened.resolve())
  socket.addEventListener('error', () => opened.reject(new Error('the websocket cannot be opened')))
  const provider = new TimedSocketProvider(socket, network, timeoutMs)
  socket.addEventListener('close', () => {
    opened.reject(new Error('the websocket was closed'))
    if (!provider.destroyed) void provider.destroy()
  })
  try {
    await within(timeoutMs, opened.promise)
  } catch (error) {
    if (!provider.destroyed) void provider.destroy()
    throw error
  }
  return provider
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const expired = Promise.withResolvers<never>()
  const timer = setTimeout(() => expired.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, expired.promise])
  } finally {
    clearTimeout(timer)
  }
}
