/** `hart earnings`: what this node was promised and paid, and what it was not; recomputed, with `--verify`, from everything. */
import type { ClaimableView, ClaimView, EarningsView } from '#protocol/api/earnings.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart } from '#protocol/hart.ts'
import { shortId } from '#protocol/ids.ts'
import { type Command, flagOption } from '../command.ts'
import type { Output } from '../output.ts'

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
  options: { 'dry-run': { type: 'boolean' }, all: { type: 'boolean' } },
  optionHelp: {
    'dry-run': { help: 'show the vouchers that a claim would take' },
    all: { help: 'also what is less than payment.claimMinimum' },
  },
  examples: ['hart earnings claim', 'hart earnings claim --all', 'hart earnings claim --dry-run --json'],
  async run(context) {
    const { output } = context
    const client = await context.connect()
    if (flagOption(context, 'dry-run')) {
      const view = await client.get<ClaimableView>('/api/v1/earnings/claimable')
      if (output.json) output.value(view)
      else printClaimable(output, view)
      return 0
    }
    const { claims } = await client.post<{ claims: ClaimView[] }>('/api/v1/earnings/claims', {
      isForced: flagOption(context, 'all'),
    })
    if (output.json) output.value(claims)
    else if (claims.length === 0) output.note('nothing to claim yet; hart earnings says why')
    else {
      output.table(
        ['transaction', 'block', 'vouchers', 'paid', 'gas', 'refused'],
        claims.map(({ transactionHash, blockNumber, vouchers, paidWei, gasUsed, refused }) => [
          transactionHash,
          String(blockNumber),
          String(vouchers),
          formatHart(BigInt(paidWei)),
          gasUsed,
          refused.map(({ reason }) => reason).join(', ') || '-',
        ]),
      )
    }
    if (claims.some(({ refused }) => refused.length > 0))
      throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: 'the contract refused some vouchers' })
    return 0
  },
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
  row('ledger', `${view.ledger.entryCount} entries, head ${shortId(view.ledger.head)}`)
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
  if (view.vouchers.length === 0) return output.note('nothing is claimable')
  output.table(
    ['payer', 'total promised', 'would pay'],
    view.vouchers.map(({ payer, cumulativeWei, claimableWei }) => [
      payer,
      formatHart(BigInt(cumulativeWei)),
      formatHart(BigInt(claimableWei)),
    ]),
  )
}
