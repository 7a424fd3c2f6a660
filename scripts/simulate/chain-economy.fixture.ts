/** The economy of a scenario on the real contracts: roots are computed from the logs, as `hart rewards` computes them. */
import { createHash } from 'node:crypto'
import { ask, interfaceOf, signerOf } from '#node/chain/contract-call.ts'
import { EscrowClient } from '#node/chain/escrow-client.ts'
import { type HardhatChain, startDeployedHardhat } from '#node/chain/hardhat.fixture.ts'
import { addressOf, signVoucher } from '#node/chain/index.ts'
import { RewardsClient } from '#node/chain/rewards/rewards-client.ts'
import { computeWeights } from '#node/chain/rewards/weights.ts'
import { StakingClient } from '#node/chain/staking-client.ts'
import { TokenClient } from '#node/chain/token-client.ts'
import type { Chain } from '#node/chain/types.ts'
import type { Economy } from './economy.ts'

const daySeconds = 86_400
const noTopic = new Uint8Array(32)

export interface EconomyChain {
  /** A fresh economy in the place of the one before. */
  create(): Promise<Economy>
  close(): Promise<void>
}

export async function startEconomyChain(): Promise<EconomyChain> {
  const { hardhat, chain } = await startDeployedHardhat()
  // What nobody earned comes from the only minter, as if it had been earned before.
  await hardhat.request('hardhat_impersonateAccount', [chain.addresses.Rewards])
  await hardhat.request('hardhat_setBalance', [chain.addresses.Rewards, '0x56bc75e2d63100000'])
  let snapshot = await hardhat.request('evm_snapshot')
  return {
    create: async () => {
      await hardhat.request('evm_revert', [snapshot])
      snapshot = await hardhat.request('evm_snapshot')
      return createChainEconomy(hardhat, chain)
    },
    close: () => hardhat.close(),
  }
}

async function createChainEconomy(hardhat: HardhatChain, chain: Chain): Promise<Economy> {
  const [start] = (await ask(chain, 'Rewards', 'start')).map(Number)
  const [escrow, staking] = [new EscrowClient(chain), new StakingClient(chain)]
  const [rewards, token] = [new RewardsClient(chain), new TokenClient(chain)]
  const people = new Map<string, Uint8Array>()
  const promised = new Map<string, bigint>()
  let daysOver = 0

  const keyOf = (name: string) => {
    const key = people.get(name)
    if (key === undefined) throw new Error(`${name} was never given anything`)
    return key
  }
  const of = (name: string) => ({ address: addressOf(keyOf(name)), signer: signerOf(chain, keyOf(name)) })

  return {
    fund: async (holder, wei) => {
      people.set(holder, createHash('sha256').update(`hartonomous/economy/${holder}`).digest())
      const { address } = of(holder)
      await hardhat.request('hardhat_setBalance', [address, '0x56bc75e2d63100000'])
      const data = interfaceOf('Token').encodeFunctionData('mint', [address, wei])
      const { Rewards: from, Token: to } = chain.addresses
      await hardhat.request('eth_sendTransaction', [{ from, to, data }])
    },
    addNode: async (node, bondWei, commissionBps) => {
      const { signer } = of(node)
      await token.approve(chain.addresses.Staking, bondWei).send(signer)
      await staking.register(new Uint8Array(32).fill(1), commissionBps, bondWei).send(signer)
    },
    delegate: async (holder, node, wei) => {
      const { signer } = of(holder)
      await token.approve(chain.addresses.Staking, wei).send(signer)
      await staking.stake(of(node).address, wei).send(signer)
    },
    pay: async (payer, payee, wei) => {
      const from = of(payer)
      const to = of(payee).address
      await token.approve(chain.addresses.Escrow, wei).send(from.signer)
      await escrow.deposit(from.address, wei).send(from.signer)
      const cumulativeWei = (promised.get(`${payer} ${payee}`) ?? 0n) + wei
      promised.set(`${payer} ${payee}`, cumulativeWei)
      const voucher = { payer: from.address, payee: to, topic: noTopic, cumulativeWei }
      const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
      const signature = signVoucher(keyOf(payer), domain, voucher)
      await escrow.claim(to, [{ ...voucher, signature }]).send(of(payee).signer)
    },
    endDay: async (proposer) => {
      const { signer } = of(proposer)
      await hardhat.request('evm_setNextBlockTimestamp', [start! + ++daysOver * daySeconds])
      await hardhat.request('evm_mine')
      const { nodes, tree } = await computeWeights(chain)
      if (tree.root === undefined) return
      await rewards.propose(tree.root).send(signer)
      await hardhat.wait(daySeconds / 2)
      await rewards.finalize().send(signer)
      for (const { node, cumulativeWei } of nodes) {
        const { claimedWei } = await rewards.standing(node)
        if (cumulativeWei > claimedWei) await rewards.claim(node, cumulativeWei, tree.proofOf(node)!).send(signer)
      }
    },
    wealthOf: async (holder) => {
      const { address } = of(holder)
      return (await token.balanceOf(address)) + (await staking.stakeOf(address, address))
    },
  }
}
