/** One transaction to one of our contracts: shown by `simulate`, done by `send`; both make it from the same words. */
import assert from 'node:assert/strict'
import { Contract, Interface, type LogDescription, type ParamType, type Result, SigningKey, Wallet } from 'ethers'
import { artifacts } from '#contracts/abi/artifacts.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { withChainFailures } from './failure.ts'
import { receiptOf } from './receipt.ts'
import type { Chain, ChainSigner, ContractName, Sent, Simulated } from './types.ts'

const interfaces = new Map<ContractName, Interface>()
/** The last transaction of each account on its way: two at once would take the same nonce. */
const sending = new Map<string, Promise<unknown>>()

/** A key in this process. @param privateKey 32 bytes, or `0x` and 64 digits. */
export function signerOf(chain: Pick<Chain, 'provider'>, privateKey: Uint8Array | string): ChainSigner {
  return new Wallet(new SigningKey(privateKey), chain.provider)
}

export function interfaceOf(name: ContractName): Interface {
  const known = interfaces.get(name)
  if (known !== undefined) return known
  const parsed = new Interface(artifacts[name].abi)
  interfaces.set(name, parsed)
  return parsed
}

/** Asks a contract; changes nothing. Integers come as bigints, structures as ethers' results. */
export async function ask(chain: Chain, name: ContractName, method: string, ...args: unknown[]): Promise<Result> {
  const contract = new Contract(chain.addresses[name], interfaceOf(name), chain.provider)
  return await withChainFailures(`${name}.${bareName(method)}`, chain.rpcUrl, () =>
    contract.getFunction(method).staticCallResult(...args),
  )
}

/** What a transaction told: events of the called contract. */
export type ReadEvents<T> = (events: readonly LogDescription[]) => T

export interface ContractCall<T = void> {
  contract: ContractName
  to: Address
  method: string
  /** By the names of the contract; amounts in wei, all as JSON can hold them. */
  arguments: Record<string, unknown>
  /** Call data, `0x…`. */
  data: string
  /** What the contract would answer to `from`, and what gas that takes. Nothing is sent. */
  simulate(from: Address): Promise<Simulated<unknown>>
  /** Sends it, and waits until it is in a block, `chainReceiptTimeoutMs` unless told otherwise. */
  send(signer: ChainSigner, timeoutMs?: number): Promise<Sent & T>
}

export interface CallOptions<T> {
  chain: Chain
  contract: ContractName
  method: string
  args: readonly unknown[]
  /** What else to tell of it, read from its events. */
  readEvents?: ReadEvents<T>
}

export function contractCall<T = unknown>(options: CallOptions<T>): ContractCall<T> {
  const { chain, contract, method, args, readEvents } = options
  const { provider, rpcUrl } = chain
  const abi = interfaceOf(contract)
  const fragment = abi.getFunction(method)!
  const to = chain.addresses[contract]
  const data = abi.encodeFunctionData(fragment, args)
  const label = `${contract}.${fragment.name}`
  const shown = () => plainValues(fragment.inputs, abi.decodeFunctionData(fragment, data))

  async function simulate(from: Address): Promise<Simulated<unknown>> {
    return await withChainFailures(label, rpcUrl, async () => {
      // As if it were mined now: the last block of a quiet chain may be old.
      const answer = await provider.call({ from, to, data, blockTag: 'pending' })
      const results = abi.decodeFunctionResult(fragment, answer)
      const gas = await provider.estimateGas({ from, to, data })
      const result = results.length === 1 ? results[0] : undefined
      return { contract, to, method: fragment.name, arguments: shown(), data, valueWei: 0n, gas, result }
    })
  }

  async function send(signer: ChainSigner, timeoutMs?: number): Promise<Sent & T> {
    return await withChainFailures(label, rpcUrl, async () => {
      const sent = await inTurn(`${chain.chainId} ${await signer.getAddress()}`, () =>
        signer.sendTransaction({ to, data }),
      )
      const receipt = await receiptOf(sent, rpcUrl, timeoutMs).catch(async (error: unknown) => {
        // Mined, and refused there: the same question, asked at that block, tells why.
        const blockTag = (error as { receipt?: { blockNumber?: number } }).receipt?.blockNumber
        if (blockTag !== undefined) await provider.call({ from: sent.from, to, data, blockTag })
        throw error
      })
      const done: Sent = { transactionHash: sent.hash, blockNumber: receipt.blockNumber, gasUsed: receipt.gasUsed }
      const events = receipt.logs
        .filter((log) => parseAddress(log.address) === to)
        .map((log) => abi.parseLog(log))
        .filter((event) => event !== null)
      return { ...done, ...(readEvents?.(events) as T) }
    })
  }

  return {
    contract,
    to,
    method: fragment.name,
    get arguments() {
      return shown()
    },
    data,
    simulate,
    send,
  }
}

/** The first event of this name: a transaction that went through has it. */
export function eventOf(events: readonly LogDescription[], name: string): LogDescription {
  const found = events.find((event) => event.name === name)
  assert(found !== undefined, `no ${name} among the events`)
  return found
}

async function inTurn<T>(account: string, work: () => Promise<T>): Promise<T> {
  const mine = (sending.get(account) ?? Promise.resolve()).then(work, work)
  sending.set(account, mine)
  try {
    return await mine
  } finally {
    if (sending.get(account) === mine) sending.delete(account)
  }
}

/** As JSON can hold them: integers in decimal, structures by their names. */
function plainValues(inputs: readonly ParamType[], values: Result): Record<string, unknown> {
  return Object.fromEntries(inputs.map((input, index) => [input.name, plainValue(input, values[index])]))
}

function plainValue(type: ParamType, value: unknown): unknown {
  if (type.isArray()) return (value as Result).map((each) => plainValue(type.arrayChildren, each))
  if (type.isTuple()) return plainValues(type.components, value as Result)
  if (type.type === 'address') return parseAddress(String(value))
  return typeof value === 'bigint' ? value.toString() : value
}

/** `stake` of `stake(address,uint256)`. */
function bareName(method: string): string {
  return method.split('(')[0]!
}
