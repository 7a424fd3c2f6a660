/** `hart earnings`: what this node was promised and paid, and what it was not; recomputed, with `--verify`, from everything. */
import type { ClaimableView, ClaimView, EarningsView } from '#protocol/api/earnings.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart } from '#protocol/hart.ts'
import { parseAddress, shortId } from '#protocol/ids.ts'
import { claimVouchersMax } from '#protocol/limits.ts'
import type { Chain, EscrowClient } from '../../chain/index.ts'
import { chooseAccount } from '../account.ts'
import { connectToNode } from '../client.ts'
import { type Command, type CommandContext, flagOption, listOption, textOption } from '../command.ts'
import type { Output } from '../output.ts'
import { loadChain, transact, transactionOptionHelp, transactionOptions, withChain } from '../transactions.ts'

export const earnings: Command = {
  name: 'earnings',
  summary: 'What this node was promised and paid for its work, and what it was not.',
  options: { verify: { type: 'boolean' } },
  optionHelp: {
    verify: {
      help: 'check every signature and sum again, against receipts and the chain; exit 1 when something differs',
    },
  },
  examples: ['hart earnings', 'hart earnings --verify', 'hart earnings --json | jq .claimableWei'],
  async run(context) {
    const { output } = context
    const isVerified = flagOption(context, 'verify')
    const client = await context.connect()
    const view = await client.get<EarningsView>(`/api/v1/earnings${isVerified ? '?verify=true' : ''}`)
    if (output.json) output.value(view)
    else printEarnings(output, view)
    return (view.differences?.length ?? 0) > 0 ? 1 : 0
  },
}

export const earningsClaim: Command = {
  name: 'earnings claim',
  summary: 'Settle what is claimable now, in as few transactions as possible.',
  options: { ...transactionOptions, all: { type: 'boolean' }, node: { type: 'string', multiple: true } },
  optionHelp: {
    ...transactionOptionHelp,
    wallet: { value: 'NAME', help: 'who sends it and pays the gas; without it the node does it itself' },
    node: { value: 'DIR', help: 'data folder of a node to settle for, with --wallet (may be given again)' },
    all: { help: 'also what is less than payment.claimMinimum' },
  },
  examples: [
    'hart earnings claim',
    'hart earnings claim --dry-run --wallet main',
    'hart earnings claim --all --wallet main --node ~/node-1 --node ~/node-2 --yes',
  ],
  async run(context) {
    return textOption(context, 'wallet') === undefined ? claimByNode(context) : claimByWallet(context)
  },
}

async function claimByNode(context: CommandContext): Promise<number> {
  const { output } = context
  const client = await context.connect()
  if (flagOption(context, 'dry-run')) {
    const view = await client.get<ClaimableView>('/api/v1/earnings/claimable')
    if (output.json) output.value(view)
    else printClaimable(output, view)
    return 0
  }
  const isForced = flagOption(context, 'all')
  const { claims } = await client.post<{ claims: ClaimView[] }>('/api/v1/earnings/claims', { isForced })
  if (output.json) output.value(claims)
  else if (claims.length === 0) output.note('nothing to claim yet; hart earnings says why')
  else
    output.table(
      ['transaction', 'block', 'paid', 'gas', 'refused'],
      claims.map(({ transactionHash, blockNumber, paidWei, gasUsed, refused }) => [
        transactionHash,
        String(blockNumber),
        formatHart(BigInt(paidWei)),
        gasUsed,
        refused.map(({ reason }) => reason).join(', ') || '-',
      ]),
    )
  return claims.some(({ refused }) => refused.length > 0) ? 1 : 0
}

/** The money goes to the payee of each node, whoever sends the transaction. */
async function claimByWallet(context: CommandContext): Promise<number> {
  const folders = listOption(context, 'node')
  const views: ClaimableView[] = []
  for (const folder of folders.length > 0 ? folders : [context.paths.dataDir]) {
    const client = await connectToNode(folder, context.signal)
    views.push(await client.get<ClaimableView>('/api/v1/earnings/claimable'))
  }
  const account = await chooseAccount(context)
  return withChain(context, async (chain) => {
    const { EscrowClient } = await loadChain()
    const escrow = new EscrowClient(chain)
    return transact(context, {
      chain,
      account,
      steps: views.flatMap((view) => claimSteps(chain, escrow, view)),
      whenNothing: 'nothing is claimable',
    })
  })
}

/** In batches: a block has an end. @throws {ERR_CHAIN_WRONG} */
function claimSteps(chain: Chain, escrow: EscrowClient, { payee, chainId, escrow: contract, vouchers }: ClaimableView) {
  if (chainId !== chain.chainId || contract !== chain.addresses.Escrow)
    throw new HartonomousError('ERR_CHAIN_WRONG', { reason: `the vouchers are for ${contract} on chain ${chainId}` })
  const signed = vouchers.map(({ payer, topic, cumulativeWei, signature }) => ({
    payer: parseAddress(payer),
    payee: parseAddress(payee),
    topic: bytesOf(topic),
    cumulativeWei: BigInt(cumulativeWei),
    signature: bytesOf(signature),
  }))
  const batches = Array.from({ length: Math.ceil(signed.length / claimVouchersMax) }, (_, index) =>
    signed.slice(index * claimVouchersMax, (index + 1) * claimVouchersMax),
  )
  return batches.map((batch) => () => escrow.claim(parseAddress(payee), batch))
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
}

function printEarnings(output: Output, view: EarningsView): void {
  const row = (label: string, text: string) => output.line(`${output.paint('dim', label.padEnd(10))} ${text}`)
  row('owner', view.owner === view.signer ? view.owner : `${view.owner}, receipts signed by ${view.signer}`)
  row('chain', view.chain === undefined ? 'none: work is free' : `${view.chain.chainId}, escrow ${view.chain.escrow}`)
  if (view.chainProblem !== undefined) row('', `${view.chainProblem}; figures are those of the ledger alone`)
  row('promised', formatHart(BigInt(view.promisedWei)))
  row('claimed', formatHart(BigInt(view.claimedWei)))
  row('claimable', formatHart(BigInt(view.claimableWei)))
  row('unpaid', formatHart(BigInt(view.unpaidWei)))
  row('for free', `${view.freeReceipts} receipts`)
  const { entryCount, head, problem } = view.ledger
  row('ledger', problem === undefined ? `${entryCount} entries, head ${shortId(head)}` : output.paint('red', problem))
  if (view.channels.length > 0) {
    output.line()
    output.table(
      ['payer', 'model', 'vouchers', 'promised', 'claimed', 'unpaid', 'receipts', 'why unpaid'],
      view.channels.map((channel) => [
        shortId(channel.payer),
        channel.model ?? shortId(channel.modelId),
        String(channel.vouchers),
        formatHart(BigInt(channel.promisedWei)),
        channel.claimedWei === undefined ? '?' : formatHart(BigInt(channel.claimedWei)),
        formatHart(BigInt(channel.unpaidWei)),
        String(channel.receipts),
        channel.unpaidWhy ?? '-',
      ]),
    )
  }
  if (view.differences === undefined) return
  output.line()
  if (view.differences.length === 0) output.line(output.paint('green', 'ledger, receipts, vouchers and chain agree'))
  for (const difference of view.differences) output.line(output.paint('red', difference))
}

function printClaimable(output: Output, view: ClaimableView): void {
  if (view.vouchers.length === 0) output.note('nothing is claimable')
  output.table(
    ['payer', 'total promised', 'would pay'],
    view.vouchers.map(({ payer, cumulativeWei, claimableWei }) => [
      payer,
      formatHart(BigInt(cumulativeWei)),
      formatHart(BigInt(claimableWei)),
    ]),
  )
}
