/** `hart job`: what this node may spend on the work of others. */
import { HartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import type { Address } from '#protocol/ids.ts'
import type { Chain, SessionKey } from '../../chain/index.ts'
import { accountNamed, type ChosenAccount, chooseAccount, ownerOf } from '../account.ts'
import { dateOf, hart, readAmount } from '../amount.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { loadChain, transact, transactionOptionHelp, transactionOptions, withChain } from '../transactions.ts'

/** Loaded when needed: most commands know no keys. */
const loadKeys = () => import('../../chain/index.ts')

export const jobFund: Command = {
  name: 'job fund',
  summary: 'Deposit HART for jobs, and let the hot key of this node spend it.',
  usage: 'AMOUNT',
  positionalsMin: 1,
  options: { ...transactionOptions, allowance: { type: 'string' } },
  optionHelp: {
    allowance: { value: 'AMOUNT', help: 'what the hot key may spend in all from now on (default: AMOUNT more)' },
    ...transactionOptionHelp,
  },
  examples: [
    'hart job fund 20 --wallet main --dry-run',
    'hart job fund 20 --allowance 5 --wallet main --yes',
    'hart job fund 0 --allowance 0 --wallet main   # the hot key may spend no more',
  ],
  async run(context) {
    const amountWei = parseHart(context.positionals[0]!)
    const allowance = textOption(context, 'allowance')
    const allowanceWei = allowance === undefined ? undefined : parseHart(allowance)
    if (amountWei === 0n && allowanceWei === undefined)
      throw new HartonomousError('ERR_USAGE', { message: 'an amount above zero is needed, or --allowance' })
    const account = await chooseAccount(context)
    const { loadOrCreateHotKey } = await loadKeys()
    const hotKey = await loadOrCreateHotKey(context.paths.dataDir)
    return withChain(context, async (chain) => {
      const { planFund } = await loadChain()
      const steps = await planFund(chain, { payer: account.address, amountWei, allowanceWei, hotKey })
      return transact(context, {
        chain,
        account,
        steps,
        whenNothing: 'the hot key has this allowance already',
        report: () => ({ fields: {}, note: 'hart job status shows what can be spent' }),
      })
    })
  },
}

export const jobWithdraw: Command = {
  name: 'job withdraw',
  summary: 'With AMOUNT announce a withdrawal of what was deposited; 3 days later, without it, take it back.',
  usage: '[AMOUNT|all]',
  positionalsMax: 1,
  options: { ...transactionOptions, cancel: { type: 'boolean' } },
  optionHelp: { cancel: { help: 'take the announcement back' }, ...transactionOptionHelp },
  examples: ['hart job withdraw all --wallet main --dry-run', 'hart job withdraw --wallet main --yes'],
  async run(context) {
    const [amount] = context.positionals
    const isCancel = flagOption(context, 'cancel')
    if (isCancel && amount !== undefined)
      throw new HartonomousError('ERR_USAGE', { message: 'give an AMOUNT, or --cancel' })
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      if (isCancel) return cancelWithdrawal(context, chain, account)
      if (amount !== undefined) return announceWithdrawal(context, chain, account, amount)
      return takeBack(context, chain, account)
    })
  },
}

export const jobStatus: Command = {
  name: 'job status',
  summary: 'What is deposited for jobs, and what the hot key of this node may spend of it.',
  options: { wallet: transactionOptions.wallet },
  optionHelp: { wallet: transactionOptionHelp.wallet },
  examples: ['hart job status', 'hart job status --wallet main --json'],
  async run(context) {
    const { output } = context
    const hot = (await accountNamed(context, 'hot')).address
    return withChain(context, async (chain) => {
      const { EscrowClient, readBalance, unlimitedWei } = await loadChain()
      const session = await new EscrowClient(chain).signer(hot)
      const payer = await payerOf(context, session?.payer)
      const { escrowedWei, unlocks, locks } = await readBalance(chain, payer)
      const thaw = unlocks.find(({ kind }) => kind === 'escrow')
      const isOurs = session !== undefined && session.payer === payer
      if (output.json) {
        const { allowanceWei, revokedAtSeconds } = session ?? {}
        output.value({
          payer,
          hotKey: hot,
          escrowedWei,
          locks,
          ...(thaw === undefined ? {} : { thawing: thaw }),
          isAuthorized: hot === payer || (isOurs && revokedAtSeconds === undefined),
          ...(isOurs ? { allowanceWei: String(allowanceWei), isUnlimited: allowanceWei === unlimitedWei } : {}),
          ...(isOurs && revokedAtSeconds !== undefined ? { revokedAtMs: revokedAtSeconds * 1000 } : {}),
        })
        return 0
      }
      const { checksumAddress } = await loadKeys()
      const limit = hot === payer ? 'all of it: it is the payer' : spendable(isOurs ? session : undefined, unlimitedWei)
      const rows = [
        ['payer', checksumAddress(payer)],
        ['deposited', `${hart(escrowedWei)}${thaw === undefined ? '' : `, and ${hart(thaw.wei)} on the way out`}`],
        ['hot key', checksumAddress(hot)],
        ['may spend', limit],
      ]
      if (thaw !== undefined) rows.push(['withdrawal', dateOf(thaw.readyAtMs, Date.now())])
      for (const [name, value] of rows) output.line(`${name!.padEnd(10)}  ${value}`)
      return 0
    })
  },
}

async function announceWithdrawal(
  context: CommandContext,
  chain: Chain,
  account: ChosenAccount,
  amount: string,
): Promise<number> {
  const { EscrowClient } = await loadChain()
  const escrow = new EscrowClient(chain)
  const { balanceWei } = await escrow.account(account.address)
  const amountWei = amount === 'all' ? balanceWei : readAmount(amount)
  if (amountWei > balanceWei || balanceWei === 0n)
    throw new HartonomousError('ERR_FUNDS', {
      address: (await loadKeys()).checksumAddress(account.address),
      needed: amountWei === 0n ? 'some HART' : hart(amountWei),
      available: `${hart(balanceWei)} in escrow`,
    })
  return transact(context, {
    chain,
    account,
    steps: [() => escrow.thaw(amountWei)],
    whenNothing: '',
    report: ([thaw]) => {
      const readyAtMs = thaw!.thawEndSeconds * 1000
      return {
        fields: { thawingWei: String(amountWei), readyAtMs },
        note: `${hart(amountWei)} can be taken back from ${dateOf(readyAtMs, Date.now())}: hart job withdraw`,
      }
    },
  })
}

async function cancelWithdrawal(context: CommandContext, chain: Chain, account: ChosenAccount): Promise<number> {
  const { EscrowClient } = await loadChain()
  const escrow = new EscrowClient(chain)
  const { thawEndSeconds } = await escrow.account(account.address)
  const steps = thawEndSeconds === 0 ? [] : [() => escrow.thaw(0n)]
  return transact(context, { chain, account, steps, whenNothing: 'no withdrawal is announced' })
}

async function takeBack(context: CommandContext, chain: Chain, account: ChosenAccount): Promise<number> {
  const { chainSeconds, EscrowClient } = await loadChain()
  const escrow = new EscrowClient(chain)
  const { thawingWei, thawEndSeconds } = await escrow.account(account.address)
  const nowSeconds = await chainSeconds(chain)
  const isReady = thawEndSeconds !== 0 && nowSeconds >= thawEndSeconds
  return transact(context, {
    chain,
    account,
    steps: isReady ? [() => escrow.withdraw()] : [],
    whenNothing:
      thawEndSeconds === 0
        ? 'no withdrawal is announced: hart job withdraw AMOUNT'
        : `${hart(thawingWei)} can be taken back from ${dateOf(thawEndSeconds * 1000, nowSeconds * 1000)}`,
    report: ([withdrawn]) => ({
      fields: { withdrawnWei: String(withdrawn!.amountWei) },
      note: `${hart(withdrawn!.amountWei)} are free again`,
    }),
  })
}

function spendable(session: SessionKey | undefined, unlimitedWei: bigint): string {
  if (session === undefined) return 'nothing: hart job fund AMOUNT'
  if (session.revokedAtSeconds !== undefined)
    return `nothing from ${dateOf(session.revokedAtSeconds * 1000, Date.now())}: it was revoked`
  return session.allowanceWei === unlimitedWei ? 'all of it: no limit is set' : hart(session.allowanceWei)
}

/** The one of `--wallet`, else whoever lets the hot key spend, else the owner of the node. */
async function payerOf(context: CommandContext, authorizedBy: Address | undefined): Promise<Address> {
  if (textOption(context, 'wallet') !== undefined) return (await chooseAccount(context)).address
  return authorizedBy ?? (await ownerOf(context)) ?? (await accountNamed(context, 'hot')).address
}
