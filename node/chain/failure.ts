/** What ethers throws, in our words: who calls a contract branches on the contract's own errors. */
import { Interface, isError, type Result } from 'ethers'
import { artifacts } from '#contracts/abi/artifacts.ts'
import { CONTRACT_NAMES } from '#contracts/abi/deployment.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'

/** Errors of all contracts: a call of one may be refused by another, such as a deposit by the token. */
const errors = new Interface([
  ...new Set(CONTRACT_NAMES.flatMap((name) => artifacts[name].abi.filter((item) => item.startsWith('error ')))),
])
const reasonCharsMax = 200

/** Where a chain answers, without path, question and credentials: keys of services are in there. */
export function shownUrl(rpcUrl: string | undefined): string {
  if (rpcUrl === undefined) return 'this process'
  const { protocol, host } = new URL(rpcUrl)
  return `${protocol}//${host}`
}

/**
 * @param call What was asked, such as `Escrow.withdraw`.
 * @returns ERR_CHAIN_REVERTED, ERR_CHAIN_WRONG or ERR_CHAIN_UNAVAILABLE; what is a fault of our own comes back as it is.
 */
export function chainFailure(error: unknown, call: string, rpcUrl: string | undefined): unknown {
  if (isHartonomousError(error)) return error
  if (isError(error, 'CALL_EXCEPTION')) {
    return new HartonomousError('ERR_CHAIN_REVERTED', { call, ...revertOf(error.data, error.reason) }, { cause: error })
  }
  // Hardhat says it in words that ethers does not know.
  if (isError(error, 'INSUFFICIENT_FUNDS') || /have enough funds/.test(reasonOf(error))) {
    const fields = { call, error: 'InsufficientEther' }
    return new HartonomousError('ERR_CHAIN_REVERTED', fields, { cause: error })
  }
  // No code at the address, or code of something else.
  if (isError(error, 'BAD_DATA')) {
    const reason = `${call} was answered by something that is not our contract`
    return new HartonomousError('ERR_CHAIN_WRONG', { reason }, { cause: error })
  }
  if (isError(error, 'INVALID_ARGUMENT') || error instanceof TypeError || isAssertion(error)) return error
  return new HartonomousError(
    'ERR_CHAIN_UNAVAILABLE',
    { url: shownUrl(rpcUrl), reason: reasonOf(error) },
    { cause: error },
  )
}

/** Runs `work`, and throws what it throws in our words. */
export async function withChainFailures<T>(
  call: string,
  rpcUrl: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw chainFailure(error, call, rpcUrl)
  }
}

function revertOf(data: string | null, reason: string | null): { error: string; values?: Record<string, string> } {
  const known = data === null ? null : errors.parseError(data)
  if (known === null)
    return { error: reason ?? (data === null || data === '0x' ? 'without a reason' : data.slice(0, 10)) }
  // Error(string) and Panic(uint256) are Solidity's own.
  if (known.name === 'Error') return { error: String(known.args[0]) }
  const values = namedValues(known.fragment.inputs, known.args)
  return Object.keys(values).length === 0 ? { error: known.name } : { error: known.name, values }
}

/** Arguments by name, as text. */
export function namedValues(inputs: readonly { name: string }[], values: Result): Record<string, string> {
  return Object.fromEntries(inputs.map(({ name }, index) => [name, String(values[index])]))
}

function isAssertion(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_ASSERTION'
}

/** The words of the one who refused, without the request that ethers repeats, which may hold keys. */
function reasonOf(error: unknown): string {
  const { shortMessage, error: inner, code } = error as { shortMessage?: string; error?: unknown; code?: unknown }
  const told = (inner as { message?: unknown } | undefined)?.message
  if (typeof told === 'string') return told.slice(0, reasonCharsMax)
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ECONNRESET') return String(code)
  const text = shortMessage ?? (error instanceof Error ? error.message : String(error))
  return text.replaceAll(/https?:\/\/\S+|wss?:\/\/\S+/g, 'the chain').slice(0, reasonCharsMax)
}
