/** What a row of transactions would do, without sending one. */
import { makeError } from 'ethers'
import { isHartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import { type ContractCall, interfaceOf } from './contract-call.ts'
import { withChainFailures } from './failure.ts'
import type { Chain, ContractName } from './types.ts'

export interface RehearsedCall {
  contract: ContractName
  to: Address
  method: string
  arguments: Record<string, unknown>
  data: string
  /** Ether that goes with it; our contracts take none. */
  valueWei: string
  gas?: string
  /** What the contract would answer; absent where it answers nothing. */
  result?: string
  /** Why gas and result are not known. */
  unknown?: string
}

/** One result of `eth_simulateV1`. */
interface SimulatedResult {
  status: string
  gasUsed: string
  returnData: string
  error?: { message?: string; data?: string }
}

/**
 * Each after those before it, as they would be mined. A chain that cannot simulate a row (`eth_simulateV1`) simulates each
 * by itself; what depends on one before is then said to be unknown.
 * @throws {ERR_CHAIN_REVERTED} naming the first that would be refused @throws {ERR_CHAIN_UNAVAILABLE}
 */
export async function rehearse(
  chain: Chain,
  from: Address,
  calls: readonly ContractCall<unknown>[],
): Promise<RehearsedCall[]> {
  const together = calls.length > 1 ? await simulateRow(chain, from, calls) : undefined
  const rehearsed: RehearsedCall[] = []
  for (const [index, call] of calls.entries()) {
    const { contract, to, method, data } = call
    const shown = { contract, to, method, arguments: call.arguments, data, valueWei: '0' }
    const outcome =
      together === undefined ? await simulateAlone(call, from, index) : await readResult(chain, call, together[index])
    rehearsed.push({ ...shown, ...outcome })
  }
  return rehearsed
}

async function simulateAlone(call: ContractCall<unknown>, from: Address, index: number) {
  try {
    const { gas, result } = await call.simulate(from)
    return { gas: String(gas), ...resultOf(result) }
  } catch (error) {
    if (index === 0 || !isHartonomousError(error, 'ERR_CHAIN_REVERTED')) throw error
    return { unknown: 'it needs those before it, and this chain cannot simulate several at once' }
  }
}

/** Undefined where the chain does not know how. */
async function simulateRow(
  chain: Chain,
  from: Address,
  calls: readonly ContractCall<unknown>[],
): Promise<SimulatedResult[] | undefined> {
  const row = calls.map(({ to, data }) => ({ from, to, input: data }))
  const question = { blockStateCalls: [{ calls: row }], validation: false }
  try {
    const [block] = (await chain.provider.send('eth_simulateV1', [question, 'pending'])) as {
      calls?: SimulatedResult[]
    }[]
    return block?.calls?.length === calls.length ? block.calls : undefined
  } catch {
    // Whatever is wrong with the connection, the questions one by one will tell.
    return undefined
  }
}

async function readResult(chain: Chain, call: ContractCall<unknown>, simulated: SimulatedResult | undefined) {
  if (simulated === undefined || BigInt(simulated.status) !== 1n) {
    const { data, message = null } = simulated?.error ?? {}
    const refusal = {
      action: 'call' as const,
      data: data ?? simulated?.returnData ?? null,
      reason: message,
      transaction: { to: call.to, data: call.data },
      invocation: null,
      revert: null,
    }
    const error = makeError('execution reverted', 'CALL_EXCEPTION', refusal)
    return await withChainFailures(`${call.contract}.${call.method}`, chain.rpcUrl, () => Promise.reject(error))
  }
  const answers = interfaceOf(call.contract).decodeFunctionResult(call.method, simulated.returnData)
  return { gas: String(BigInt(simulated.gasUsed)), ...resultOf(answers.length === 1 ? answers[0] : undefined) }
}

function resultOf(result: unknown): { result?: string } {
  return result === undefined ? {} : { result: String(result) }
}
