/** `hart stake`: the bond of this node, and delegation to others. */
import { HartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import { dataFiles } from '../../config/index.ts'
import { accountNamed, chooseAccount, ownerOf } from '../account.ts'
import { dateOf, hart, readAmount } from '../amount.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { loadChain, transact, transactionOptionHelp, transactionOptions, withChain } from '../transactions.ts'

/** Loaded when needed: most commands know no keys. */
const loadKeys = () => import('../../chain/index.ts')
const loadNetwork = () => import('../../network/index.ts')

export const stakeAdd: Command = {
  name: 'stake add',
  summary: 'Register this node with a bond, or add to it; names the hot key that signs its receipts.',
  options: {
    bond: { type: 'string' },
    commission: { type: 'string' },
    'take-over': { type: 'boolean' },
    ...transactionOptions,
  },
  optionHelp: {
    bond: { value: 'AMOUNT', help: 'HART of the operator, the first to be slashed; at least 1000 in all' },
    commission: { value: 'PERCENT', help: 'kept of what delegators earn (default 0); a change starts after 7 days' },
    'take-over': { help: 'the bond is that of another node so far, and of this one from now on' },
    ...transactionOptionHelp,
  },
  examples: [
    'hart stake add --bond 1000 --commission 10 --wallet main --dry-run',
    'hart stake add --bond 250.5 --wallet main --yes',
  ],
  async run(context) {
    const bond = textOption(context, 'bond')
    const bondWei = bond === undefined ? undefined : readAmount(bond)
    const commissionBps = commissionOf(textOption(context, 'commission'))
    const account = await chooseAccount(context)
    const hotKey = (await accountNamed(context, 'hot')).address
    const peerKey = await peerKeyOf(context)
    return withChain(context, async (chain) => {
      const { planStake } = await loadChain()
      const takeOver = flagOption(context, 'take-over')
      const wish = { owner: account.address, peerKey, hotKey, bondWei, commissionBps, takeOver }
      const steps = await planStake(chain, wish)
      const owner = (await ownerOf(context)) ?? hotKey
      const isOwner = owner === account.address
      return transact(context, {
        chain,
        account,
        steps,
        whenNothing: 'the node is registered as it is; --bond AMOUNT adds to its bond',
        report: () => ({
          fields: {},
          note: isOwner
            ? 'hart stake status shows the bond'
            : `hart config set payment.owner ${account.address} lets this node work for the bond`,
        }),
      })
    })
  },
}

export const stakeDelegate: Command = {
  name: 'stake delegate',
  summary: 'Delegate to the node of an address: a share of its rewards, and of what it is slashed.',
  usage: 'NODE AMOUNT',
  positionalsMin: 2,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart stake delegate 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 25 --wallet main --dry-run'],
  async run(context) {
    const [node = '', amount = ''] = context.positionals
    const { readAddress } = await loadKeys()
    const [to, amountWei] = [readAddress(node), readAmount(amount)]
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { planDelegation } = await loadChain()
      const steps = await planDelegation(chain, account.address, to, amountWei)
      return transact(context, { chain, account, steps, whenNothing: '' })
    })
  },
}

export const stakeUnbond: Command = {
  name: 'stake unbond',
  summary: 'Start to take stake out: the own bond, or what is delegated to NODE; it can be withdrawn 14 days later.',
  usage: 'AMOUNT|all [NODE]',
  positionalsMin: 1,
  positionalsMax: 2,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: [
    'hart stake unbond 100 --wallet main --dry-run',
    'hart stake unbond all 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --wallet main --yes',
  ],
  async run(context) {
    const [amount = '', node] = context.positionals
    const { readAddress } = await loadKeys()
    const account = await chooseAccount(context)
    const from = node === undefined ? account.address : readAddress(node)
    return withChain(context, async (chain) => {
      const { planUnbond } = await loadChain()
      const amountWei = amount === 'all' ? undefined : readAmount(amount)
      return transact(context, {
        chain,
        account,
        steps: await planUnbond(chain, account.address, from, amountWei),
        whenNothing: '',
        report: ([unbonding]) => {
          const { amountWei: wei, id, releaseAtSeconds } = unbonding!
          const readyAtMs = releaseAtSeconds * 1000
          return {
            fields: { unbonding: { id: String(id), node: from, wei: String(wei), readyAtMs } },
            note: `${hart(wei)} can be withdrawn from ${dateOf(readyAtMs, Date.now())}; until then a slash can take of it`,
          }
        },
      })
    })
  },
}

export const stakeWithdraw: Command = {
  name: 'stake withdraw',
  summary: 'Take back what was unbonded, as far as its time has come.',
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart stake withdraw --wallet main --dry-run', 'hart stake withdraw --wallet main --yes --json'],
  async run(context) {
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { readBalance, StakingClient } = await loadChain()
      const staking = new StakingClient(chain)
      const { unlocks } = await readBalance(chain, account.address)
      const unbonding = unlocks.flatMap((unlock) =>
        unlock.unbonding === undefined ? [] : [{ ...unlock, ...unlock.unbonding }],
      )
      const ready = unbonding.filter(({ isReady, isFrozen }) => isReady && !isFrozen)
      const [next] = unbonding.filter((each) => !ready.includes(each))
      const later =
        next === undefined
          ? 'nothing is unbonding'
          : next.isFrozen && next.isReady
            ? `${hart(next.wei)} stay until the disputes of ${next.node} are decided`
            : `the next, ${hart(next.wei)}, can be withdrawn from ${dateOf(next.readyAtMs, Date.now())}`
      return transact(context, {
        chain,
        account,
        steps: ready.map(
          ({ id }) =>
            () =>
              staking.withdraw(BigInt(id)),
        ),
        whenNothing: later,
        report: (sent) => {
          const wei = sent.reduce((sum, { amountWei }) => sum + amountWei, 0n)
          return {
            fields: { withdrawnWei: String(wei) },
            note: `${hart(wei)} are free again${next === undefined ? '' : `; ${later}`}`,
          }
        },
      })
    })
  },
}

export const stakeStatus: Command = {
  name: 'stake status',
  summary: 'A node on the chain: bond, delegation, commission and keys; without NODE the one of this machine.',
  usage: '[NODE]',
  positionalsMax: 1,
  examples: ['hart stake status', 'hart stake status 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json'],
  async run(context) {
    const { output, positionals } = context
    const { checksumAddress, readAddress } = await loadKeys()
    const node = positionals[0] === undefined ? await ownAddress(context) : readAddress(positionals[0])
    const isOwn = positionals[0] === undefined
    return withChain(context, async (chain) => {
      const { StakingClient } = await loadChain()
      const staking = new StakingClient(chain)
      const [record, bond, pool, isActive] = await Promise.all([
        staking.nodeOf(node),
        staking.bondOf(node),
        staking.poolOf(node),
        staking.isActive(node),
      ])
      const own = isOwn && record !== undefined ? await ownKeys(context, node, record.peerKey, staking) : undefined
      if (output.json) {
        output.value({
          node,
          isRegistered: record !== undefined,
          isActive,
          bondWei: String(bond.assetsWei),
          bondUnbondingWei: String(bond.thawingWei),
          delegatedWei: String(pool.assetsWei),
          delegatedUnbondingWei: String(pool.thawingWei),
          ...(record === undefined
            ? {}
            : {
                commissionBps: record.commissionBps,
                frozenBy: record.frozen,
                peerKey: Buffer.from(record.peerKey).toString('hex'),
                registeredAtMs: record.registeredAtSeconds * 1000,
              }),
          ...(own === undefined ? {} : { isThisIdentity: own.isThisIdentity, isHotKeySigner: own.isHotKeySigner }),
        })
        return 0
      }
      if (record === undefined) {
        output.line(`${checksumAddress(node)} is no node on chain ${chain.chainId}`)
        output.note('hart stake add --bond AMOUNT registers this one')
        return 0
      }
      const state = isActive ? 'active' : 'not active: its bond is too small'
      const frozen = record.frozen === 0 ? '' : `, frozen by ${record.frozen} disputes or jury seats`
      const rows = [
        ['node', checksumAddress(node)],
        ['state', `${state}${frozen}`],
        ['bond', `${hart(bond.assetsWei)}${leaving(bond.thawingWei)}`],
        ['delegated', `${hart(pool.assetsWei)}${leaving(pool.thawingWei)}`],
        ['commission', `${record.commissionBps / 100} %`],
      ]
      if (own !== undefined) {
        rows.push([
          'identity',
          own.isThisIdentity ? 'this node' : "another: hart stake add --take-over makes it this one's",
        ])
        rows.push([
          'hot key',
          own.isHotKeySigner ? 'signs receipts for it' : 'does not sign for it: hart stake add lets it',
        ])
      }
      for (const [name, value] of rows) output.line(`${name!.padEnd(10)}  ${value}`)
      return 0
    })
  },
}

function leaving(wei: bigint): string {
  return wei === 0n ? '' : `, and ${hart(wei)} on the way out`
}

async function ownAddress(context: CommandContext): Promise<Address> {
  return (await ownerOf(context)) ?? (await accountNamed(context, 'hot')).address
}

async function ownKeys(
  context: CommandContext,
  node: Address,
  peerKey: Uint8Array,
  staking: { signerValidUntil(node: Address, signer: Address): Promise<number> },
) {
  const hot = (await accountNamed(context, 'hot')).address
  const isHotKeySigner = hot === node || (await staking.signerValidUntil(node, hot)) === Number.POSITIVE_INFINITY
  return { isThisIdentity: Buffer.from(await peerKeyOf(context)).equals(peerKey), isHotKeySigner }
}

/** The libp2p identity of this node, made at the first call: 32 bytes, ed25519. */
async function peerKeyOf({ paths }: CommandContext): Promise<Uint8Array> {
  const { loadOrCreateIdentity } = await loadNetwork()
  return (await loadOrCreateIdentity(dataFiles.network(paths.dataDir))).privateKey.publicKey.raw
}

/** `10` or `2.5` per cent -> 1/10 000. @throws {ERR_USAGE} */
function commissionOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d{1,3})(?:\.(\d{1,2}))?%?$/.exec(text)
  const bps = match === null ? Number.NaN : Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
  if (!(bps <= 10_000))
    throw new HartonomousError('ERR_USAGE', {
      message: `--commission ${text.slice(0, 20)}: write per cent from 0 to 100, with two decimals at most`,
    })
  return bps
}
