/** `hart rewards`: the daily emission, whose root anyone can compute again. */
import type { RewardsStatusView, RewardWeightsView } from '#protocol/api/justice.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import { chooseAccount } from '../account.ts'
import { dateOf, hart } from '../amount.ts'
import { type Command, type CommandContext, textOption } from '../command.ts'
import { loadChain, transact, transactionOptionHelp, transactionOptions, withChain } from '../transactions.ts'
import { reportOpened } from './dispute.ts'

export const rewardsWeights: Command = {
  name: 'rewards weights',
  summary: 'What each node earned of an epoch, and the root of it, computed from the logs of the chain alone.',
  options: { epoch: { type: 'string' } },
  optionHelp: { epoch: { value: 'N', help: 'the epoch (default: the last one that is over)' } },
  examples: ['hart rewards weights', 'hart rewards weights --epoch 12 --json'],
  async run(context) {
    const { output } = context
    const epoch = epochOption(context)
    return withChain(context, async (chain) => {
      const { computeWeights, weightsView } = await loadChain()
      const weights = weightsView(chain, await computeWeights(chain, epoch))
      if (output.json) output.value(weights)
      else showWeights(context, weights)
      return 0
    })
  },
}

export const rewardsStatus: Command = {
  name: 'rewards status',
  summary: 'The root that counts, the one that waits, and what this node has been paid.',
  options: { wallet: { type: 'string' } },
  optionHelp: { wallet: transactionOptionHelp.wallet },
  examples: ['hart rewards status', 'hart rewards status --wallet main --json'],
  async run(context) {
    const { output } = context
    const { address } = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { readRewardsStatus } = await loadChain()
      const status = await readRewardsStatus(chain, address)
      if (output.json) output.value(status)
      else for (const [name, value] of statusRows(status)) output.line(`${name.padEnd(10)}  ${value}`)
      return 0
    })
  },
}

export const rewardsPropose: Command = {
  name: 'rewards propose',
  summary: 'Propose the root of the last epoch; only active nodes, and a wrong root costs 500 HART.',
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart rewards propose --wallet main --dry-run', 'hart rewards propose --wallet main --yes'],
  async run(context) {
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { planProposal } = await loadChain()
      const { steps, weights, whenNothing } = await planProposal(chain)
      return transact(context, {
        chain,
        account,
        steps,
        whenNothing,
        report: () => ({
          fields: { epoch: weights.epoch },
          note: `the root of epoch ${weights.epoch} can be disputed for 12 hours; then hart rewards finalize`,
        }),
      })
    })
  },
}

export const rewardsChallenge: Command = {
  name: 'rewards challenge',
  summary: 'Compute the root that waits anew, and take it to a jury where it is another: a bond of 1000 HART.',
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart rewards challenge --wallet main --dry-run', 'hart rewards challenge --wallet main --yes --json'],
  async run(context) {
    const { output } = context
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { planChallenge } = await loadChain()
      const { steps, whenNothing, ...check } = await planChallenge(chain, account.address)
      if (steps.length === 0) {
        if (output.json) output.value(check)
        else output.line(whenNothing)
        return 0
      }
      if (!output.json) {
        output.line(`epoch ${check.epoch}: ${check.pendingRoot} waits`)
        output.line(`the logs give ${check.computedRoot ?? 'no root: nobody has earned anything'}`)
      }
      return transact(context, {
        chain,
        account,
        steps,
        whenNothing,
        report: (sent) => {
          const { fields, note } = reportOpened(sent)
          return { fields: { ...fields, ...check }, note }
        },
      })
    })
  },
}

export const rewardsFinalize: Command = {
  name: 'rewards finalize',
  summary: 'Make the root that waited its 12 hours count, and mint its emission; anyone may.',
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart rewards finalize --dry-run', 'hart rewards finalize --yes'],
  async run(context) {
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { RewardsClient } = await loadChain()
      const client = new RewardsClient(chain)
      const steps = (await client.pending()) === undefined ? [] : [() => client.finalize()]
      return transact(context, {
        chain,
        account,
        steps,
        whenNothing: 'no root waits',
        report: ([sent]) => {
          const { emissionWei, epoch } = sent!
          return {
            fields: { epoch, emissionWei: String(emissionWei) },
            note: `epoch ${epoch} counts, and ${hart(emissionWei)} are minted; hart rewards claim pays a node`,
          }
        },
      })
    })
  },
}

export const rewardsClaim: Command = {
  name: 'rewards claim',
  summary: 'Pay a node what it earned, to its stake; without NODE this one. Anyone may.',
  usage: '[NODE]',
  positionalsMax: 1,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: [
    'hart rewards claim --wallet main --dry-run',
    'hart rewards claim 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --yes',
  ],
  async run(context) {
    const account = await chooseAccount(context)
    const node = await nodeOf(context, account.address)
    return withChain(context, async (chain) => {
      const { planClaim } = await loadChain()
      const { steps, whenNothing } = await planClaim(chain, node)
      return transact(context, {
        chain,
        account,
        steps,
        whenNothing,
        report: ([sent]) => {
          const { amountWei } = sent as unknown as { amountWei: bigint }
          return {
            fields: { node, amountWei: String(amountWei) },
            note: `${hart(amountWei)} went to the stake of ${node}`,
          }
        },
      })
    })
  },
}

async function nodeOf({ positionals }: CommandContext, own: Address): Promise<Address> {
  const { readAddress } = await import('../../chain/index.ts')
  return positionals[0] === undefined ? own : readAddress(positionals[0])
}

function showWeights({ output }: CommandContext, weights: RewardWeightsView): void {
  const { countedEpochs, emissionWei, epoch, fromBlock, nodes, root, toBlock } = weights
  const blocks = fromBlock === toBlock ? 'without a block' : `blocks ${fromBlock} to ${toBlock - 1}`
  output.line(`epoch     ${epoch}, ${blocks}, emission ${hart(emissionWei)}`)
  output.line(`counted   ${countedEpochs.length} epochs before it are finalised`)
  output.line(`root      ${root ?? 'none: nobody has earned anything yet'}`)
  if (nodes.length === 0) return
  output.line()
  output.table(
    ['node', 'income', 'bond', 'share', 'since the start'],
    nodes.map((node) => [
      node.node,
      hart(node.incomeWei),
      hart(node.bondWei),
      hart(node.shareWei),
      hart(node.cumulativeWei),
    ]),
  )
}

function statusRows({ account, capWei, claimedWei, finalized, pending }: RewardsStatusView): [string, string][] {
  const waits =
    pending === undefined
      ? 'none'
      : `epoch ${pending.epoch}, ${pending.root} by ${pending.proposer}, ${
          pending.isDisputed ? 'disputed' : `can be disputed until ${dateOf(pending.challengeUntilMs, Date.now())}`
        }`
  return [
    ['finalised', finalized === undefined ? 'none' : `epoch ${finalized.epoch}, ${finalized.root}`],
    ['waiting', waits],
    ['account', account],
    ['paid', `${hart(claimedWei)} of at most ${hart(capWei)}`],
  ]
}

/** @throws {ERR_USAGE} */
function epochOption(context: CommandContext): number | undefined {
  const text = textOption(context, 'epoch')
  if (text === undefined) return undefined
  if (!/^\d{1,6}$/.test(text))
    throw new HartonomousError('ERR_USAGE', { message: `--epoch ${text.slice(0, 20)}: write a whole number` })
  return Number(text)
}
