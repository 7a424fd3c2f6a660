/** `hart dispute`: nodes that broke their word, shown by evidence or judged by a jury. */
import { readFile } from 'node:fs/promises'
import type { DisputeDetailView, DisputeView, NextStepView } from '#protocol/api/justice.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Sent, Step } from '../../chain/index.ts'
import { chooseAccount } from '../account.ts'
import { dateOf, hart } from '../amount.ts'
import { type Command, type CommandContext, textOption } from '../command.ts'
import { loadChain, transact, transactionOptionHelp, transactionOptions, withChain } from '../transactions.ts'

export const disputeEquivocation: Command = {
  name: 'dispute equivocation',
  summary: 'Slash a node that signed two outputs for one attempt; half of what it loses is yours.',
  options: { ...transactionOptions, evidence: { type: 'string' } },
  optionHelp: {
    evidence: { value: 'FILE', help: 'JSON: {"first": {"receipt": {…}, "signature": "0x…"}, "second": {…}}' },
    ...transactionOptionHelp,
  },
  examples: [
    'hart dispute equivocation --evidence evidence.json --dry-run',
    'hart dispute equivocation --evidence evidence.json --wallet main --yes',
  ],
  async run(context) {
    const [file, text] = await fileOption(context, 'evidence')
    const { parseEquivocation } = await loadChain()
    const evidence = parseEquivocation(text, file)
    const { node } = evidence.first.receipt
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { planEquivocation } = await loadChain()
      const steps = (await planEquivocation(chain, evidence, file)) as Step<{ slashedWei: bigint }>[]
      return transact(context, {
        chain,
        account,
        steps,
        whenNothing: '',
        report: ([sent]) => {
          const { slashedWei } = sent!
          const bountyWei = slashedWei / 2n
          return {
            fields: { node, slashedWei: String(slashedWei), bountyWei: String(bountyWei) },
            note: `${node} lost ${hart(slashedWei)}; ${hart(bountyWei)} of it are yours`,
          }
        },
      })
    })
  },
}

export const disputeOpen: Command = {
  name: 'dispute open',
  summary: 'Take the receipt of a node to a jury, for a bond of 100 HART that is lost where it was right.',
  options: { ...transactionOptions, receipt: { type: 'string' } },
  optionHelp: {
    receipt: { value: 'FILE', help: 'JSON: {"receipt": {…}, "signature": "0x…"}' },
    ...transactionOptionHelp,
  },
  examples: [
    'hart dispute open --receipt receipt.json --dry-run',
    'hart dispute open --receipt receipt.json --wallet main --yes',
  ],
  async run(context) {
    const [file, text] = await fileOption(context, 'receipt')
    const { parseSignedReceipt } = await loadChain()
    const signed = parseSignedReceipt(text, file)
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { planReceiptDispute } = await loadChain()
      const steps = await planReceiptDispute(chain, account.address, signed, file)
      return transact(context, { chain, account, steps, whenNothing: '', report: reportOpened })
    })
  },
}

export const disputeStatus: Command = {
  name: 'dispute status',
  summary: 'All disputes, or one with its jurors, and what can be done next.',
  usage: '[ID]',
  positionalsMax: 1,
  examples: ['hart dispute status', 'hart dispute status 0x5d1a…9c40 --json'],
  async run(context) {
    const { output, positionals } = context
    const id = positionals[0] === undefined ? undefined : readId(positionals[0])
    return withChain(context, async (chain) => {
      const { readDispute, readDisputes } = await loadChain()
      if (id !== undefined) {
        const dispute = await readDispute(chain, id)
        if (output.json) output.value(dispute)
        else showDispute(context, dispute)
        return 0
      }
      const disputes = await readDisputes(chain)
      if (output.json) output.value(disputes)
      else if (disputes.length === 0) output.note('no dispute ever began on this chain')
      else
        output.table(
          ['id', 'about', 'node', 'phase', 'votes', 'next'],
          disputes.map((dispute) => [
            dispute.id,
            dispute.subject,
            dispute.node,
            dispute.phase,
            votesOf(dispute),
            nextText(dispute.next, dispute.id),
          ]),
        )
      return 0
    })
  },
}

export const disputeDraw: Command = {
  name: 'dispute draw',
  summary: 'Draw the jury of a dispute; anyone may.',
  usage: 'ID',
  positionalsMin: 1,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart dispute draw 0x5d1a…9c40 --dry-run', 'hart dispute draw 0x5d1a…9c40 --yes'],
  async run(context) {
    const id = readId(context.positionals[0]!)
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { DisputesClient } = await loadChain()
      const client = new DisputesClient(chain)
      return transact(context, {
        chain,
        account,
        steps: [() => client.draw(id)],
        whenNothing: '',
        report: ([sent]) => {
          const { jurors, newSeedBlock } = sent!
          const missed = newSeedBlock !== undefined
          return {
            fields: { id, jurors, ...(missed ? { newSeedBlock } : {}) },
            note: missed
              ? `the seed of block ${newSeedBlock - 2} is gone; draw again after block ${newSeedBlock}`
              : `${jurors.length} jurors are drawn: hart dispute status ${id}`,
          }
        },
      })
    })
  },
}

export const disputeResolve: Command = {
  name: 'dispute resolve',
  summary: 'End a round whose votes are all shown or whose time is over; anyone may.',
  usage: 'ID',
  positionalsMin: 1,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart dispute resolve 0x5d1a…9c40 --dry-run', 'hart dispute resolve 0x5d1a…9c40 --yes'],
  async run(context) {
    const id = readId(context.positionals[0]!)
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { DisputesClient } = await loadChain()
      const client = new DisputesClient(chain)
      return transact(context, {
        chain,
        account,
        steps: [() => client.resolve(id)],
        whenNothing: '',
        report: ([sent]) => {
          const { outcome = 'second-round', slashedWei = 0n } = sent!
          const end = outcome === 'guilty' ? `guilty: ${hart(slashedWei)} were slashed` : outcome
          return {
            fields: { id, outcome, slashedWei: String(slashedWei) },
            note:
              outcome === 'second-round'
                ? 'there was no majority: a jury of fifteen will be drawn'
                : `${end}; hart dispute dismiss ${id} pays the jurors`,
          }
        },
      })
    })
  },
}

export const disputeDismiss: Command = {
  name: 'dispute dismiss',
  summary: 'Pay the jurors of a round that is over, and fine those that stayed away; anyone may.',
  usage: 'ID',
  positionalsMin: 1,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart dispute dismiss 0x5d1a…9c40 --dry-run', 'hart dispute dismiss 0x5d1a…9c40 --yes --json'],
  async run(context) {
    const id = readId(context.positionals[0]!)
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { DisputesClient, requireDispute, undismissed } = await loadChain()
      const client = new DisputesClient(chain)
      const seats = undismissed(await requireDispute(client, id), await client.seatsOf(id))
      return transact(context, {
        chain,
        account,
        steps: seats.map(
          ({ round, juror }) =>
            () =>
              client.dismiss(id, round, juror),
        ),
        whenNothing: 'no juror of a round that is over waits',
        report: (sent) => {
          const dismissed = sent.map(({ rewardWei, penaltyWei }, index) => ({
            juror: seats[index]!.juror,
            rewardWei: String(rewardWei),
            penaltyWei: String(penaltyWei),
          }))
          const [paid, fined] = [
            sent.filter(({ rewardWei }) => rewardWei > 0n),
            sent.filter(({ penaltyWei }) => penaltyWei > 0n),
          ]
          return {
            fields: { id, dismissed },
            note: `${sent.length} jurors are free again: ${paid.length} were paid, ${fined.length} lost stake`,
          }
        },
      })
    })
  },
}

/** What `dispute open` and `rewards challenge` tell: the last step opened it. */
export function reportOpened(sent: readonly (Sent & unknown)[]) {
  const { id } = sent.at(-1) as Sent & { id: string }
  return { fields: { id }, note: `dispute ${id} is open: hart dispute draw ${id} draws its jury in two blocks` }
}

/** @throws {ERR_ID} */
export function readId(text: string): string {
  if (!/^0x[0-9a-fA-F]{64}$/.test(text))
    throw new HartonomousError('ERR_ID', { kind: 'dispute id', text: text.slice(0, 80) })
  return text.toLowerCase()
}

/** One line for people. */
export function nextText({ step, afterBlock, untilMs }: NextStepView, id: string): string {
  const until = untilMs === undefined ? '' : ` until ${dateOf(untilMs, Date.now())}`
  if (step === 'none') return '-'
  if (step === 'commit') return `jurors vote${until}`
  if (step === 'reveal') return `jurors reveal${until}`
  const after = afterBlock === undefined ? '' : ` after block ${afterBlock}`
  return `hart dispute ${step} ${id.slice(0, 6)}…${after}${until}`
}

function showDispute({ output }: CommandContext, dispute: DisputeDetailView): void {
  const { challenger, id, jurors, next, node, phase, round, seats, subject } = dispute
  const rows = [
    ['dispute', id],
    ['about', subject === 'root' ? 'a root of rewards' : 'a receipt'],
    ['node', node],
    ['challenger', challenger],
    ['phase', `${phase}, round ${round + 1} with ${seats} seats`],
    ['votes', votesOf(dispute)],
    ['next', nextText(next, id)],
  ]
  if (dispute.rewardPerJurorWei !== '0') rows.push(['reward', `${hart(dispute.rewardPerJurorWei)} each`])
  for (const [name, value] of rows) output.line(`${name!.padEnd(10)}  ${value}`)
  if (jurors.length === 0) return
  output.line()
  output.table(
    ['juror', 'round', 'ballot'],
    jurors.map(({ juror, round: drawnIn, ballot }) => [juror, String(drawnIn + 1), ballot]),
  )
}

function votesOf({ guilty, innocent }: DisputeView): string {
  return `${guilty} guilty, ${innocent} innocent`
}

/** Path and content. @throws {ERR_USAGE} {ERR_IO} */
async function fileOption(context: CommandContext, name: string): Promise<[path: string, text: string]> {
  const path = textOption(context, name)
  if (path === undefined) throw new HartonomousError('ERR_USAGE', { message: `--${name} FILE is needed` })
  try {
    return [path, await readFile(path, 'utf8')]
  } catch (error) {
    throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
  }
}
