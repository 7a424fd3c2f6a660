import { isError, type TransactionReceipt, type TransactionResponse } from 'ethers'
import { HartonomousError } from '#protocol/errors.ts'
import { chainReceiptTimeoutMs } from '#protocol/limits.ts'
import { shownUrl } from './failure.ts'

/**
 * Waits until a transaction is in a block. One that is not there in time may come later: its hash is told, so that nobody
 * sends the same again without having looked.
 * @throws {ERR_CHAIN_UNAVAILABLE}, and what ethers throws of a transaction that was refused in its block
 */
export async function receiptOf(
  sent: TransactionResponse,
  rpcUrl: string | undefined,
  timeoutMs = chainReceiptTimeoutMs,
): Promise<TransactionReceipt> {
  try {
    return (await sent.wait(1, timeoutMs))!
  } catch (error) {
    if (isError(error, 'CALL_EXCEPTION')) throw error
    const reason = isError(error, 'TIMEOUT')
      ? `it is in no block after ${timeoutMs / 1000} s`
      : (error as Error).message
    throw new HartonomousError(
      'ERR_CHAIN_UNAVAILABLE',
      {
        url: shownUrl(rpcUrl),
        reason: `transaction ${sent.hash} was sent and may still be mined: ${reason.slice(0, 200)}`,
      },
      { cause: error },
    )
  }
}
