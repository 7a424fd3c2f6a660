/**
 * A wallet of a browser, announced by EIP-6963. Its key and its policy are in the test: the page sees EIP-1193 and nothing else.
 * What it does not answer itself it passes on to the chain, errors and all.
 */
import { randomBytes } from 'node:crypto'
import { JsonRpcProvider, Wallet } from 'ethers'
import type { BrowserContext, Page } from 'playwright-core'

export interface WalletPolicy {
  /** Whether the person presses "confirm" in its windows. */
  confirms: boolean
  signsTypedData: boolean
  /** The chain that it is on. */
  chainId: number
  /** Chains that it can be switched to. */
  knownChains: Set<number>
}

type Params = readonly unknown[]
interface Refusal {
  code: number
  message: string
  data?: unknown
}
type Answer = { result: unknown } | { error: Refusal }

export class TestWallet {
  readonly name: string
  readonly policy: WalletPolicy
  /** Methods that opened a window, in their order, with what was asked. */
  readonly asked: { method: string; params: Params }[] = []
  #signer: Wallet
  readonly #rpcUrl: string

  constructor(options: { name?: string; rpcUrl: string; chainId: number }) {
    this.name = options.name ?? 'Test Wallet'
    this.#rpcUrl = options.rpcUrl
    this.policy = {
      confirms: true,
      signsTypedData: true,
      chainId: options.chainId,
      knownChains: new Set([options.chainId]),
    }
    this.#signer = this.#newAccount()
  }

  /** Lower case. */
  get address(): string {
    return this.#signer.address.toLowerCase()
  }

  /** The person chooses another account. */
  async useOtherAccount(page: Page): Promise<void> {
    this.#signer = this.#newAccount()
    await this.#tell(page, 'accountsChanged', [this.#signer.address])
  }

  /** Announces itself to every page of the context. */
  async install(context: BrowserContext): Promise<void> {
    const call = `wallet${randomBytes(6).toString('hex')}`
    await context.exposeFunction(call, (method: string, params: Params) => this.#answer(method, params))
    const info = { uuid: crypto.randomUUID(), name: this.name, icon, rdns: `test.${call}` }
    await context.addInitScript(announce, { call, info })
  }

  async #answer(method: string, params: Params): Promise<Answer> {
    const { policy } = this
    const rejected = { error: { code: 4001, message: 'User rejected the request.' } }
    if (windows.has(method)) {
      this.asked.push({ method, params })
      if (!policy.confirms) return rejected
    }
    switch (method) {
      case 'eth_requestAccounts':
      case 'eth_accounts':
        return { result: [this.#signer.address] }
      case 'eth_chainId':
        return { result: `0x${policy.chainId.toString(16)}` }
      case 'wallet_switchEthereumChain': {
        const chainId = Number((params[0] as { chainId: string }).chainId)
        if (!policy.knownChains.has(chainId)) return { error: { code: 4902, message: 'Unrecognized chain ID.' } }
        policy.chainId = chainId
        return { result: null }
      }
      case 'wallet_addEthereumChain':
        policy.knownChains.add(Number((params[0] as { chainId: string }).chainId))
        return { result: null }
      case 'eth_signTypedData_v4': {
        if (!policy.signsTypedData) return { error: { code: 4200, message: 'eth_signTypedData_v4 is not supported' } }
        const { domain, types, message } = JSON.parse(String(params[1]))
        const { EIP712Domain: _, ...signed } = types
        return { result: await this.#signer.signTypedData(domain, signed, message) }
      }
      case 'personal_sign':
        return { result: await this.#signer.signMessage(Buffer.from(String(params[0]).slice(2), 'hex')) }
      case 'eth_sendTransaction': {
        const { to, data, gas } = params[0] as { to: string; data: string; gas: string }
        return { result: (await this.#signer.sendTransaction({ to, data, gasLimit: BigInt(gas) })).hash }
      }
      default:
        return this.#pass(method, params)
    }
  }

  async #pass(method: string, params: Params): Promise<Answer> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const headers = { 'content-type': 'application/json' }
    try {
      const response = await fetch(this.#rpcUrl, { method: 'POST', headers, body })
      const answer = (await response.json()) as Answer
      // As MetaMask packs what a service answers.
      if ('error' in answer) return { error: { code: -32603, message: 'Internal JSON-RPC error.', data: answer.error } }
      return answer
    } catch (error) {
      return { error: { code: -32603, message: String(error) } }
    }
  }

  async #tell(page: Page, event: string, value: unknown): Promise<void> {
    await page.evaluate(([name, told]) => dispatchEvent(new CustomEvent(`test-wallet:${name}`, { detail: told })), [
      event,
      value,
    ] as const)
  }

  #newAccount(): Wallet {
    const provider = new JsonRpcProvider(this.#rpcUrl, undefined, { cacheTimeout: -1, batchMaxCount: 1 })
    return new Wallet(`0x${randomBytes(32).toString('hex')}`, provider)
  }
}

const windows = new Set([
  'eth_requestAccounts',
  'wallet_switchEthereumChain',
  'wallet_addEthereumChain',
  'eth_signTypedData_v4',
  'personal_sign',
  'eth_sendTransaction',
])
const icon = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#2f55d4"/></svg>')}`

/** Runs in the page, before anything of ours. */
function announce({ call, info }: { call: string; info: object }): void {
  const ask = (globalThis as unknown as Record<string, (method: string, params: Params) => Promise<Answer>>)[call]!
  const listeners = new Map<unknown, (event: Event) => void>()
  const provider = {
    async request({ method, params = [] }: { method: string; params?: Params }) {
      const answer = await ask(method, params)
      if ('error' in answer) throw Object.assign(new Error(answer.error.message), answer.error)
      return answer.result
    },
    on(name: string, listener: (value: unknown) => void) {
      const wrapped = (event: Event) => listener((event as CustomEvent).detail)
      listeners.set(listener, wrapped)
      addEventListener(`test-wallet:${name}`, wrapped)
    },
    removeListener(name: string, listener: (value: unknown) => void) {
      removeEventListener(`test-wallet:${name}`, listeners.get(listener)!)
    },
  }
  const tell = () =>
    dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }))
  addEventListener('eip6963:requestProvider', tell)
  tell()
}
