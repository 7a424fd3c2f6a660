/**
 * Wallets of this browser, found by EIP-6963: each announces itself, and the person picks. What is connected is one wallet with
 * one account on one chain; whatever of it changes, everything that was being written is looked at again.
 */
import { useSyncExternalStore } from 'react'
import type { WalletProvider } from '../lib/chain.ts'

export interface WalletDetail {
  /** Of this page's life. */
  uuid: string
  name: string
  /** A data URL, to be shown as an image and in no other way: it is a stranger's. */
  icon: string
  /** `io.metamask`: what is remembered of a wallet in this tab. */
  rdns: string
  provider: WalletProvider
}

export interface ConnectedWallet {
  detail: WalletDetail
  /** Lower case. */
  account: string
  chainId: number
}

interface WalletState {
  found: readonly WalletDetail[]
  connected: ConnectedWallet | undefined
}

const rememberedKey = 'hartonomous-wallet'

let state: WalletState = { found: [], connected: undefined }
let unsubscribe: (() => void) | undefined
let isListening = false
const listeners = new Set<() => void>()

function set(change: Partial<WalletState>): void {
  state = { ...state, ...change }
  for (const listener of listeners) listener()
}

export function useWallets(): WalletState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      discover()
      return () => listeners.delete(listener)
    },
    () => state,
  )
}

function discover(): void {
  if (isListening) return
  isListening = true
  addEventListener('eip6963:announceProvider', (event) => {
    const detail = detailOf((event as CustomEvent<unknown>).detail)
    if (detail === undefined || state.found.some(({ uuid }) => uuid === detail.uuid)) return
    set({ found: [...state.found, detail] })
    if (sessionStorage.getItem(rememberedKey) === detail.rdns && state.connected === undefined)
      void resume(detail).catch(() => undefined)
  })
  dispatchEvent(new Event('eip6963:requestProvider'))
}

/** Any extension may announce anything: what has not the form of a wallet is none. */
function detailOf(announced: unknown): WalletDetail | undefined {
  const { info, provider } = (announced ?? {}) as { info?: Record<string, unknown>; provider?: WalletProvider }
  if (info === undefined || typeof provider?.request !== 'function') return undefined
  const { uuid, name, icon, rdns } = info
  if (typeof uuid !== 'string' || typeof name !== 'string' || typeof rdns !== 'string') return undefined
  const shown = typeof icon === 'string' && icon.startsWith('data:image/') ? icon : ''
  return { uuid, name: name.slice(0, 40), icon: shown, rdns, provider }
}

/** Asks the wallet for an account. @throws what the wallet says */
export async function connectWallet(detail: WalletDetail): Promise<void> {
  await takeAccounts(detail, await detail.provider.request({ method: 'eth_requestAccounts' }))
  sessionStorage.setItem(rememberedKey, detail.rdns)
}

/** Of a tab that was loaded anew: the wallet is asked nothing that would open its window. */
async function resume(detail: WalletDetail): Promise<void> {
  await takeAccounts(detail, await detail.provider.request({ method: 'eth_accounts' }))
}

async function takeAccounts(detail: WalletDetail, accounts: unknown): Promise<void> {
  const account = firstAccount(accounts)
  if (account === undefined) return disconnectWallet()
  const chainId = Number(await detail.provider.request({ method: 'eth_chainId' }))
  unsubscribe?.()
  unsubscribe = follow(detail)
  set({ connected: { detail, account, chainId } })
}

/** This page forgets it; what the wallet remembers of this page is the wallet's. */
export function disconnectWallet(): void {
  unsubscribe?.()
  unsubscribe = undefined
  sessionStorage.removeItem(rememberedKey)
  set({ connected: undefined })
}

function follow({ provider }: WalletDetail): () => void {
  const onAccounts = (accounts: unknown) => {
    const account = firstAccount(accounts)
    if (account === undefined) disconnectWallet()
    else if (state.connected !== undefined) set({ connected: { ...state.connected, account } })
  }
  const onChain = (chainId: unknown) => {
    if (state.connected !== undefined) set({ connected: { ...state.connected, chainId: Number(chainId) } })
  }
  const events = { accountsChanged: onAccounts, chainChanged: onChain, disconnect: disconnectWallet }
  for (const [name, listener] of Object.entries(events)) provider.on?.(name, listener)
  return () => {
    for (const [name, listener] of Object.entries(events)) provider.removeListener?.(name, listener)
  }
}

function firstAccount(accounts: unknown): string | undefined {
  const first = Array.isArray(accounts) ? accounts[0] : undefined
  return typeof first === 'string' && /^0x[0-9a-fA-F]{40}$/.test(first) ? first.toLowerCase() : undefined
}

/** Asks the wallet again, after it was asked to change its chain: not every wallet tells by an event. */
export async function refreshChain(): Promise<void> {
  const { connected } = state
  if (connected === undefined) return
  const chainId = Number(await connected.detail.provider.request({ method: 'eth_chainId' }))
  if (state.connected === connected) set({ connected: { ...connected, chainId } })
}
