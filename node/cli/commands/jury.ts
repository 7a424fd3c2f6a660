/** `hart jury`: a node as one of those who judge others. */
import { randomBytes } from 'node:crypto'
import type { NextStepView } from '#protocol/api/justice.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Chain } from '../../chain/index.ts'
import { dataFiles } from '../../config/index.ts'
import { type ChosenAccount, chooseAccount } from '../account.ts'
import { dateOf } from '../amount.ts'
import { type Command, flagOption } from '../command.ts'
import { loadChain, transact, transactionOptionHelp, transactionOptions, withChain } from '../transactions.ts'
import { nextText, readId } from './dispute.ts'

export const juryEnlist: Command = {
  name: 'jury enlist',
  summary: 'Let this node be drawn as a juror; who is drawn and stays away loses 10 HART.',
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart jury enlist --wallet main --dry-run', 'hart jury enlist --wallet main --yes'],
  async run(context) {
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { DisputesClient } = await loadChain()
      const client = new DisputesClient(chain)
      const isEnlisted = await client.isEnlisted(account.address)
      return transact(context, {
        chain,
        account,
        steps: isEnlisted ? [] : [() => client.enlist()],
        whenNothing: `${account.address} is on the list already`,
        report: () => ({ fields: {}, note: 'hart jury status says when there is something to judge' }),
      })
    })
  },
}

export const juryLeave: Command = {
  name: 'jury leave',
  summary: 'Take this node off the list of jurors; a seat that it has it keeps until it is dismissed.',
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart jury leave --wallet main --yes'],
  async run(context) {
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { DisputesClient } = await loadChain()
      const client = new DisputesClient(chain)
      const isEnlisted = await client.isEnlisted(account.address)
      const steps = isEnlisted ? [() => client.delist(account.address)] : []
      return transact(context, { chain, account, steps, whenNothing: `${account.address} is not on the list` })
    })
  },
}

export const juryStatus: Command = {
  name: 'jury status',
  summary: 'Whether this node is on the list of jurors, and where it has a seat.',
  options: { wallet: { type: 'string' } },
  optionHelp: { wallet: transactionOptionHelp.wallet },
  examples: ['hart jury status', 'hart jury status --wallet main --json'],
  async run(context) {
    const { output } = context
    const { address } = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { readJuror } = await loadChain()
      const juror = await readJuror(chain, address)
      if (output.json) {
        output.value(juror)
        return 0
      }
      output.line(`juror     ${juror.juror}`)
      output.line(`on list   ${juror.isEnlisted ? 'yes' : 'no'}, of ${juror.enlisted} in all`)
      if (juror.seats.length === 0) output.line('seats     none')
      else {
        output.line()
        output.table(
          ['dispute', 'node', 'round', 'ballot', 'next'],
          juror.seats.map(({ id, node, round, ballot, next }) => [
            id,
            node,
            String(round + 1),
            ballot,
            ownStep(ballot, next, id),
          ]),
        )
      }
      return 0
    })
  },
}

export const juryVote: Command = {
  name: 'jury vote',
  summary: 'Commit to a vote; nobody sees which until hart jury reveal, which must follow.',
  usage: 'ID guilty|innocent',
  positionalsMin: 2,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart jury vote 0x5d1a…9c40 guilty --dry-run', 'hart jury vote 0x5d1a…9c40 innocent --wallet main --yes'],
  async run(context) {
    const [text = '', verdict = ''] = context.positionals
    const id = readId(text)
    if (verdict !== 'guilty' && verdict !== 'innocent')
      throw usage(`a vote is guilty or innocent, not ${JSON.stringify(verdict.slice(0, 40))}`)
    const isGuilty = verdict === 'guilty'
    const account = await chooseAccount(context)
    const folder = dataFiles.votes(context.paths.dataDir)
    return withChain(context, async (chain) => {
      const { DisputesClient, saveVote } = await loadChain()
      const client = new DisputesClient(chain)
      const seat = await seatOf(chain, account, id)
      if (seat.ballot !== 'seated')
        throw usage(`${account.address} has committed already, and a commitment cannot be taken back`)
      const salt = `0x${randomBytes(32).toString('hex')}`
      const { round } = seat
      const commitment = await client.commitmentOf(id, round, account.address, isGuilty, salt)
      const step = async () => {
        // Before it is sent: without the salt nobody could ever reveal it.
        const isSent = !flagOption(context, 'dry-run')
        if (isSent) await saveVote(folder, commitment, { id, round, juror: account.address, isGuilty, salt })
        return client.commit(id, commitment)
      }
      const revealFromMs = seat.endSeconds * 1000
      const revealUntilMs = (seat.endSeconds + seat.voteSeconds) * 1000
      return transact(context, {
        chain,
        account,
        steps: [step],
        whenNothing: '',
        report: () => ({
          fields: { id, round, commitment, revealFromMs, revealUntilMs },
          note: `hart jury reveal ${id} must follow, from ${dateOf(revealFromMs, Date.now())} until ${dateOf(revealUntilMs, Date.now())}`,
        }),
      })
    })
  },
}

export const juryReveal: Command = {
  name: 'jury reveal',
  summary: 'Show the vote that was committed to; a juror that does not loses 10 HART and its place on the list.',
  usage: 'ID',
  positionalsMin: 1,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart jury reveal 0x5d1a…9c40 --dry-run', 'hart jury reveal 0x5d1a…9c40 --wallet main --yes'],
  async run(context) {
    const id = readId(context.positionals[0]!)
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { DisputesClient, readVote } = await loadChain()
      const client = new DisputesClient(chain)
      const { ballot, round } = await seatOf(chain, account, id)
      const isRevealed = ballot === 'guilty' || ballot === 'innocent'
      const whenNothing = `the vote is shown: ${ballot}`
      if (isRevealed || ballot === 'dismissed') return transact(context, { chain, account, steps: [], whenNothing })
      const commitment = await client.commitmentBy(id, round, account.address)
      if (commitment === undefined)
        throw usage(`${account.address} has not voted: hart jury vote ${id} guilty|innocent`)
      const { isGuilty, salt } = await readVote(dataFiles.votes(context.paths.dataDir), commitment)
      return transact(context, {
        chain,
        account,
        steps: [() => client.reveal(id, isGuilty, salt)],
        whenNothing,
        report: () => ({
          fields: { id, round, vote: isGuilty ? 'guilty' : 'innocent' },
          note: `${isGuilty ? 'guilty' : 'innocent'}; hart dispute resolve ${id} ends the round`,
        }),
      })
    })
  },
}

/** @throws {ERR_NOT_FOUND} {ERR_USAGE} where the account has no seat */
async function seatOf(chain: Chain, { address }: ChosenAccount, id: string) {
  const { DisputesClient, requireDispute } = await loadChain()
  const client = new DisputesClient(chain)
  const [{ round, endSeconds }, { voteSeconds }] = await Promise.all([requireDispute(client, id), client.terms()])
  const ballot = await client.ballot(id, round, address)
  if (ballot === 'not-seated') throw usage(`${address} has no seat in this jury: hart dispute status ${id} lists it`)
  return { ballot, round, endSeconds, voteSeconds }
}

function ownStep(ballot: string, next: NextStepView, id: string): string {
  const until = next.untilMs === undefined ? '' : ` until ${dateOf(next.untilMs, Date.now())}`
  if (next.step === 'commit' && ballot === 'seated') return `hart jury vote${until}`
  if (next.step === 'commit') return 'voted; reveal comes later'
  if (next.step === 'reveal' && ballot === 'committed') return `hart jury reveal${until}`
  return nextText(next, id)
}

function usage(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message })
}
