/**
 * Everything of these pages that needs ethers, which is large: always `await import('../lib/chain.ts')`. A wallet is asked in
 * its own language (EIP-1193), so that what a page shows before a signature is word for word what the wallet is asked.
 */
import { getAddress, hexlify, Interface, recoverAddress, Signature, TypedDataEncoder, toUtf8Bytes } from 'ethers'
import { abi as stakingAbi } from '#contracts/abi/Staking.json'
import { abi as tokenAbi } from '#contracts/abi/Token.json'
import { DISPUTES_DOMAIN, RECEIPT_TYPES } from '#contracts/abi/typed-data.ts'
import type { ChainStateView } from '#protocol/api/chain.ts'
import type { ReceiptView } from '#protocol/api/network.ts'

/** What a wallet in the browser understands (EIP-1193). */
export interface WalletProvider {
  request(asked: { method: string; params?: readonly unknown[] | object }): Promise<unknown>
  on?(event: string, listener: (value: unknown) => void): unknown
  removeListener?(event: string, listener: (value: unknown) => void): unknown
}

/** One transaction, as it is shown and as it is sent. */
export interface ChainCall {
  contract: 'Token' | 'Staking'
  to: string
  method: string
  /** By the names of the contract, as text. */
  arguments: readonly { name: string; value: string }[]
  data: string
}

/** What a wallet signs off the chain (`eth_signTypedData_v4`). */
export interface TypedData {
  domain: { name: string; version: string; chainId: number; verifyingContract: string }
  types: Record<string, { name: string; type: string }[]>
  primaryType: string
  message: Record<string, string>
}

/** What is left of an error of a wallet or a chain. */
export type ChainFailure =
  | { kind: 'rejected' | 'busy' | 'unsupported' | 'unauthorized' | 'unknown-chain' | 'gas' }
  | { kind: 'reverted'; error: string; values: Record<string, string> }
  | { kind: 'other'; message: string }

const interfaces = { Staking: new Interface(stakingAbi), Token: new Interface(tokenAbi) }
/** Long enough for a person who reads and a block that is late, too short to be kept. */
const permitSeconds = 20 * 60
const allWei = 2n ** 256n - 1n
const messageCharactersMax = 200

// ---------------------------------------------------------------------------------------------------------- receipts

/**
 * Who signed a receipt: computed in this browser from the receipt alone and the domain of the chain's contract, without
 * asking anybody. `isNode`: it was the key of the node that the receipt names. Another key binds the node where the chain has
 * it among the signers of that node (`getDelegate` of the coordinator tells; that is asked, not computed).
 */
export async function verifyReceipt(
  receipt: ReceiptView,
  chain: Pick<ChainStateView, 'chainId' | 'contracts'>,
): Promise<{ signer: string; isNode: boolean; digest: string }> {
  const domain = { ...DISPUTES_DOMAIN, chainId: chain.chainId, verifyingContract: chain.contracts.Disputes }
  const message = Object.fromEntries(RECEIPT_TYPES.Receipt.map(({ name }) => [name, receipt.receipt[name]]))
  const digest = TypedDataEncoder.hash(domain, RECEIPT_TYPES, message)
  const signer = recoverAddress(digest, receipt.signature).toLowerCase()
  return { signer, isNode: signer === String(message['node']).toLowerCase(), digest }
}

// --------------------------------------------------------------------------------------------------------- addresses

/** In the mixed case of EIP-55; undefined for what is no address, or one with a wrong checksum. */
export function checksumAddress(text: string): string | undefined {
  try {
    return getAddress(text)
  } catch {
    return undefined
  }
}

// ------------------------------------------------------------------------------------------------------------- calls

type Contracts = Pick<ChainStateView, 'contracts'>

function callOf({ contracts }: Contracts, contract: ChainCall['contract'], method: string, args: unknown[]): ChainCall {
  const abi = interfaces[contract]
  const fragment = abi.getFunction(method)!
  return {
    contract,
    to: contracts[contract],
    method,
    arguments: fragment.inputs.map(({ name }, index) => ({ name, value: String(args[index]) })),
    data: abi.encodeFunctionData(fragment, args),
  }
}

export function approveCall(chain: Contracts, amountWei: bigint): ChainCall {
  return callOf(chain, 'Token', 'approve', [chain.contracts.Staking, amountWei])
}

export function stakeCall(chain: Contracts, node: string, amountWei: bigint): ChainCall {
  return callOf(chain, 'Staking', 'stake', [node, amountWei])
}

/** @param amountWei undefined takes all. */
export function unbondCall(chain: Contracts, node: string, amountWei: bigint | undefined): ChainCall {
  return callOf(chain, 'Staking', 'unbond', [node, amountWei ?? allWei])
}

export function withdrawCall(chain: Contracts, id: string): ChainCall {
  return callOf(chain, 'Staking', 'withdraw', [id])
}

/** The allowance that `stakeWithPermit` takes: exactly this amount, once, for twenty minutes. */
export async function permitToSign(
  provider: WalletProvider,
  chain: Pick<ChainStateView, 'chainId' | 'contracts' | 'nowMs'>,
  owner: string,
  amountWei: bigint,
): Promise<TypedData> {
  const { Token: verifyingContract, Staking: spender } = chain.contracts
  const nonce = await read(provider, chain, 'Token', 'nonces', [owner])
  const deadline = Math.floor(chain.nowMs / 1000) + permitSeconds
  const uint = (name: string) => ({ name, type: 'uint256' })
  const account = (name: string) => ({ name, type: 'address' })
  return {
    domain: { name: 'Hartonomous', version: '1', chainId: chain.chainId, verifyingContract },
    types: {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        uint('chainId'),
        account('verifyingContract'),
      ],
      Permit: [account('owner'), account('spender'), uint('value'), uint('nonce'), uint('deadline')],
    },
    primaryType: 'Permit',
    message: { owner, spender, value: String(amountWei), nonce: String(nonce), deadline: String(deadline) },
  }
}

/** `stakeWithPermit` with a signed permit. */
export function stakeWithPermitCall(chain: Contracts, node: string, permit: TypedData, signature: string): ChainCall {
  const { v, r, s } = Signature.from(signature)
  const { value, deadline } = permit.message
  return callOf(chain, 'Staking', 'stakeWithPermit', [node, value, deadline, v, r, s])
}

export async function allowanceOf(provider: WalletProvider, chain: Contracts, owner: string): Promise<bigint> {
  return await read(provider, chain, 'Token', 'allowance', [owner, chain.contracts.Staking])
}

async function read(
  provider: WalletProvider,
  { contracts }: Contracts,
  contract: ChainCall['contract'],
  method: string,
  args: unknown[],
): Promise<bigint> {
  const abi = interfaces[contract]
  const call = { to: contracts[contract], data: abi.encodeFunctionData(method, args) }
  const answer = String(await provider.request({ method: 'eth_call', params: [call, 'latest'] }))
  return abi.decodeFunctionResult(method, answer)[0]
}

// ----------------------------------------------------------------------------------------------- what a wallet is asked

export async function signTypedData(provider: WalletProvider, owner: string, typed: TypedData): Promise<string> {
  return String(await provider.request({ method: 'eth_signTypedData_v4', params: [owner, JSON.stringify(typed)] }))
}

export interface Simulated {
  gas: bigint
  /** What that costs at the price of now, in wei of the chain's own coin. */
  feeWei: bigint
  /** What the sender has of it. */
  balanceWei: bigint
}

/** Whether the contracts would take it, by asking them as if it were mined now. Nothing is sent. @throws what `failureOf` reads */
export async function simulate(provider: WalletProvider, from: string, { to, data }: ChainCall): Promise<Simulated> {
  const transaction = { from, to, data }
  await provider.request({ method: 'eth_call', params: [transaction, 'pending'] })
  const ask = async (method: string, params: unknown[]) => BigInt(String(await provider.request({ method, params })))
  const [gas, gasPrice, balanceWei] = await Promise.all([
    ask('eth_estimateGas', [transaction]),
    ask('eth_gasPrice', []),
    ask('eth_getBalance', [from, 'latest']),
  ])
  return { gas, feeWei: gas * gasPrice, balanceWei }
}

/** @returns the hash of the transaction. @param gas As estimated; a quarter more is allowed, and what is left comes back. */
export async function send(provider: WalletProvider, from: string, call: ChainCall, gas: bigint): Promise<string> {
  const transaction = { from, to: call.to, data: call.data, gas: `0x${((gas * 5n) / 4n).toString(16)}` }
  return String(await provider.request({ method: 'eth_sendTransaction', params: [transaction] }))
}

export type Fate =
  | { state: 'mined'; blockNumber: number; isReverted: boolean }
  | { state: 'pending' }
  /** The chain knows nothing of it: not there yet, replaced, or given up. */
  | { state: 'unknown' }

export async function fateOf(provider: WalletProvider, hash: string): Promise<Fate> {
  const ask = (method: string) => provider.request({ method, params: [hash] })
  const receipt = (await ask('eth_getTransactionReceipt')) as { blockNumber: string; status: string } | null
  if (receipt !== null)
    return { state: 'mined', blockNumber: Number(receipt.blockNumber), isReverted: BigInt(receipt.status) === 0n }
  return { state: (await ask('eth_getTransactionByHash')) === null ? 'unknown' : 'pending' }
}

/** Why a transaction that is in a block changed nothing: the same question, asked at that block. */
export async function whyReverted(
  provider: WalletProvider,
  from: string,
  { to, data }: ChainCall,
  blockNumber: number,
): Promise<ChainFailure> {
  try {
    await provider.request({ method: 'eth_call', params: [{ from, to, data }, `0x${blockNumber.toString(16)}`] })
    return { kind: 'other', message: 'the chain does not say why' }
  } catch (error) {
    return failureOf(error)
  }
}

// ------------------------------------------------------------------------------------------------------------ failures

/** By code and revert data, which each wallet and service packs differently. */
export function failureOf(error: unknown): ChainFailure {
  const layers = layersOf(error)
  for (const { data } of layers) {
    const reverted = typeof data === 'string' ? revertOf(data) : undefined
    if (reverted !== undefined) return reverted
  }
  const codes = layers.map(({ code }) => code)
  const message = layers.map((layer) => layer.message).find((text) => typeof text === 'string') ?? String(error)
  if (codes.includes(4001) || codes.includes('ACTION_REJECTED')) return { kind: 'rejected' }
  if (codes.includes(4902)) return { kind: 'unknown-chain' }
  if (codes.includes(-32_002)) return { kind: 'busy' }
  if (codes.includes(4100)) return { kind: 'unauthorized' }
  if (codes.includes(4200) || codes.includes(-32_601)) return { kind: 'unsupported' }
  if (/insufficient funds|enough funds/i.test(message)) return { kind: 'gas' }
  return { kind: 'other', message: message.slice(0, messageCharactersMax) }
}

interface Layer {
  code?: unknown
  data?: unknown
  message?: unknown
}

/** An error, and those that it holds: `data.data`, `data.originalError`, `error`, `cause`. */
function layersOf(error: unknown): Layer[] {
  const found: Layer[] = []
  const visit = (value: unknown, depth: number) => {
    if (typeof value !== 'object' || value === null || depth > 5) return
    found.push(value as Layer)
    for (const name of ['data', 'error', 'originalError', 'cause', 'info'])
      visit((value as Record<string, unknown>)[name], depth + 1)
  }
  visit(error, 0)
  return found
}

function revertOf(data: string): ChainFailure | undefined {
  if (!/^0x[0-9a-f]{8}/i.test(data)) return undefined
  for (const abi of Object.values(interfaces)) {
    const known = abi.parseError(data)
    if (known === null) continue
    // Error(string) is Solidity's own.
    if (known.name === 'Error') return { kind: 'reverted', error: String(known.args[0]), values: {} }
    const values = known.fragment.inputs.map(({ name }, index) => [name, String(known.args[index])])
    return { kind: 'reverted', error: known.name, values: Object.fromEntries(values) }
  }
  return { kind: 'reverted', error: data.slice(0, 10), values: {} }
}

// ------------------------------------------------------------------------------------------------------------- network

/**
 * Asks the wallet to use the chain of the coordinator, and to add it first where it does not know it.
 * @returns why it cannot, where it cannot
 */
export async function switchChain(
  provider: WalletProvider,
  { chainId, rpcUrl, isDevelopment }: Pick<ChainStateView, 'chainId' | 'rpcUrl' | 'isDevelopment'>,
): Promise<ChainFailure | undefined> {
  const hexId = `0x${chainId.toString(16)}`
  const toIt = () => provider.request({ method: 'wallet_switchEthereumChain', params: [{ chainId: hexId }] })
  try {
    await toIt()
    return undefined
  } catch (error) {
    const failure = failureOf(error)
    if (failure.kind !== 'unknown-chain' || rpcUrl === undefined) return failure
  }
  try {
    const added = {
      chainId: hexId,
      chainName: isDevelopment ? 'Hartonomous development' : `Chain ${chainId}`,
      rpcUrls: [rpcUrl],
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    }
    await provider.request({ method: 'wallet_addEthereumChain', params: [added] })
    // Some wallets add it and stay where they are.
    await toIt()
    return undefined
  } catch (error) {
    return failureOf(error)
  }
}

// ------------------------------------------------------------------------------------------------------------- sign-in

/** A message in the words of EIP-4361, signed by the account that it names. */
export async function signInMessage(
  provider: WalletProvider,
  account: string,
  challenge: { nonce: string; statement: string; expiresAtMs: number; chainIds: readonly number[] },
  place: { host: string; origin: string },
): Promise<{ message: string; signature: string }> {
  const own = Number(await provider.request({ method: 'eth_chainId' }))
  const chainId = challenge.chainIds.includes(own) ? own : challenge.chainIds[0]
  const message = [
    `${place.host} wants you to sign in with your Ethereum account:`,
    getAddress(account),
    '',
    ...(challenge.statement === '' ? [] : [challenge.statement]),
    '',
    `URI: ${place.origin}`,
    'Version: 1',
    `Chain ID: ${chainId}`,
    `Nonce: ${challenge.nonce}`,
    `Issued At: ${new Date().toISOString()}`,
  ].join('\n')
  const params = [hexlify(toUtf8Bytes(message)), account]
  return { message, signature: String(await provider.request({ method: 'personal_sign', params })) }
}
