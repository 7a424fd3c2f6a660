/**
 * HART and ether for somebody who tries things out. It acts in the name of whoever received the genesis supply, which only a
 * chain of one machine lets anybody do: elsewhere there is nothing to be had.
 */
import { toBeHex, zeroPadValue } from 'ethers'
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart, parseHart } from '#protocol/hart.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { interfaceOf } from '../contract-call.ts'
import { withChainFailures } from '../failure.ts'
import { readLogs } from '../logs.ts'
import { isDevelopmentChain } from '../stakes/public-chain.ts'
import { TokenClient } from '../token-client.ts'
import type { Chain } from '../types.ts'

/** Ten times the least bond. */
const givenHartWei = parseHart('10000')
/** For gas: more than a person can spend by hand. */
const givenEtherWei = 10n ** 19n
const nobody = zeroPadValue('0x', 32)

export interface Given {
  hartWei: bigint
  etherWei: bigint
  transactionHash: string
  blockNumber: number
}

/** @throws {ERR_CHAIN_WRONG} on a chain that is not for trying out @throws {ERR_FUNDS} {ERR_CHAIN_UNAVAILABLE} */
export async function giveDevelopmentFunds(chain: Chain, address: Address): Promise<Given> {
  if (!isDevelopmentChain(chain))
    throw new HartonomousError('ERR_CHAIN_WRONG', {
      reason: `chain ${chain.chainId} is not for trying out: nothing is given away on it`,
    })
  const { provider, rpcUrl } = chain
  return await withChainFailures('the faucet', rpcUrl, async () => {
    const from = await genesisHolder(chain)
    const token = new TokenClient(chain)
    const available = await token.balanceOf(from)
    if (available < givenHartWei)
      throw new HartonomousError('ERR_FUNDS', {
        address: from,
        needed: `${formatHart(givenHartWei)} HART`,
        available: `${formatHart(available)} HART`,
      })
    if ((await provider.getBalance(address)) < givenEtherWei)
      await provider.send('hardhat_setBalance', [address, toBeHex(givenEtherWei)])
    // Both anvil and Hardhat know it by this name.
    await provider.send('hardhat_impersonateAccount', [from])
    const { to, data } = token.transfer(address, givenHartWei)
    const transactionHash: string = await provider.send('eth_sendTransaction', [{ from, to, data }])
    const receipt = await provider.waitForTransaction(transactionHash)
    return {
      hartWei: givenHartWei,
      etherWei: await provider.getBalance(address),
      transactionHash,
      blockNumber: receipt!.blockNumber,
    }
  })
}

/** Who received what was there at the beginning: the token tells. */
async function genesisHolder(chain: Chain): Promise<Address> {
  const token = interfaceOf('Token')
  const topics = [token.getEvent('Transfer')!.topicHash, nobody]
  const logs = await readLogs(chain, { address: chain.addresses.Token, topics }, chain.deployedAtBlock)
  return parseAddress(String(token.parseLog(logs[0]!)!.args['to']))
}
