/** The time by which contracts judge. */
import type { ChainConnection } from './types.ts'

/**
 * Seconds since 1970, of the block that would be mined now. A chain that mines only when there is a transaction may have
 * its last block days behind: by that one nothing would ever be ready, and what is signed for twenty minutes has expired.
 */
export async function chainSeconds({ provider }: ChainConnection): Promise<number> {
  // As it is: ethers takes no block without a number, and not every service knows the pending one.
  const ask = (tag: string) =>
    provider.send('eth_getBlockByNumber', [tag, false]) as Promise<{ timestamp: string } | null>
  const block = (await ask('pending').catch(() => null)) ?? (await ask('latest'))
  return Number(block!.timestamp)
}
