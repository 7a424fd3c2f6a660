import { useQuery } from '@tanstack/react-query'
import type { ChainStateView } from '#protocol/api/chain.ts'
import type { BalanceView, UnlockView } from '#protocol/api/payment.ts'
import { Age, useIsStale } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Stat } from '../components/stat.tsx'
import { Table } from '../components/table.tsx'
import { formatCount, formatDateTime, shortId } from '../lib/format.ts'
import type { Action } from './action.ts'
import { Hart } from './hart.tsx'
import { accountQuery } from './queries.ts'

interface PositionProps {
  address: string
  chain: ChainStateView
  /** Whether the wallet is that of this address, on this chain: only then there are buttons. */
  isOwn: boolean
  onAction: (action: Action) => void
  /** Opens the form for taking stake out. */
  onUnbond: (node: string) => void
}

const parts = [
  { key: 'freeWei', label: 'Free', how: 'Token.balanceOf: can be sent or staked now.' },
  {
    key: 'escrowedWei',
    label: 'Escrowed',
    how: 'In Escrow, where vouchers for work draw on it: pooled or locked for one payee, less what thaws.',
  },
  {
    key: 'stakedWei',
    label: 'Staked',
    how: 'At work as a bond or as delegation, with what it has earned: Staking.stakeOf of each node.',
  },
  {
    key: 'unlockingWei',
    label: 'Unlocking',
    how: 'On its way back: earns nothing. Until then a slash may take from what unbonds, and vouchers from what thaws.',
  },
] as const

/** All HART of one address. No wallet is needed to look. */
export function Position(props: PositionProps) {
  const { address, chain } = props
  const { data, error, refetch, dataUpdatedAt } = useQuery(accountQuery(address))
  const isStale = useIsStale(dataUpdatedAt) && data !== undefined
  const aside =
    data === undefined ? undefined : (
      <span className={`text-[13px] ${isStale ? 'text-stale' : 'text-muted'}`}>
        as of block {formatCount(data.blockNumber)}, read <Age atMs={dataUpdatedAt} />
      </span>
    )
  if (data === undefined && error !== null)
    return (
      <Panel title={`Position of ${shortId(address)}`}>
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      </Panel>
    )
  return (
    <Panel title={`Position of ${shortId(address)}`} aside={aside}>
      <dl className="-mx-3 -mt-2 grid grid-cols-2 sm:grid-cols-3 lg:grid-cols-5">
        <Stat
          label="Total HART"
          value={data && <Hart wei={data.totalWei} unit={false} />}
          how="Free, escrowed, staked and unlocking added up, all as of the same block."
          isStale={isStale}
        />
        {parts.map(({ key, label, how }) => (
          <Stat
            key={key}
            label={label}
            value={data && <Hart wei={data[key]} unit={false} />}
            detail={data === undefined ? undefined : detailOf(data, key)}
            how={how}
            isStale={isStale}
          />
        ))}
      </dl>
      {data !== undefined && <Shares data={data} />}
      {data !== undefined && (
        <div className="mt-3 grid gap-x-6 gap-y-4 lg:grid-cols-2">
          <Stakes {...props} data={data} />
          <Unlocks {...props} data={data} />
        </div>
      )}
      {data !== undefined && data.totalWei === '0' && (
        <p className="mt-3 text-muted">
          This address has no HART on chain {chain.chainId}.
          {chain.isDevelopment ? ' It is a development chain: test HART costs nothing.' : ''}
        </p>
      )}
    </Panel>
  )
}

function detailOf(data: BalanceView, key: (typeof parts)[number]['key']): string | undefined {
  if (key === 'stakedWei' && data.stakes.length > 0)
    return `with ${data.stakes.length === 1 ? '1 node' : `${data.stakes.length} nodes`}`
  const [next] = data.unlocks
  if (key !== 'unlockingWei' || next === undefined) return undefined
  return next.isReady ? 'ready to withdraw' : `next on ${formatDateTime(next.readyAtMs)}`
}

const shades = ['text-ready', 'text-alive', 'text-accent', 'text-busy'] as const

/** How the whole is shared out. */
function Shares({ data }: { data: BalanceView }) {
  const total = BigInt(data.totalWei)
  if (total === 0n) return null
  let at = 0
  const segments = parts.flatMap(({ key, label }, index) => {
    const percent = Number((BigInt(data[key]) * 100_000n) / total) / 1000
    const segment = { key, label, x: at, percent, shade: shades[index]! }
    at += percent
    return data[key] === '0' ? [] : [segment]
  })
  return (
    <figure className="mt-1">
      <svg viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true" className="h-2 w-full">
        {segments.map(({ key, x, percent, shade }) => (
          <rect key={key} x={x} width={Math.max(0.3, percent - 0.2)} height="2" fill="currentColor" className={shade} />
        ))}
      </svg>
      <figcaption className="mt-1 flex flex-wrap gap-x-4 text-[13px] text-muted">
        {segments.map(({ key, label, percent, shade }) => (
          <span key={key} className="flex items-center gap-1.5">
            <svg viewBox="0 0 8 8" aria-hidden="true" className={`size-2 ${shade}`}>
              <rect width="8" height="8" fill="currentColor" />
            </svg>
            {label.toLowerCase()} {percent < 0.1 ? '< 0.1' : Math.round(percent * 10) / 10}%
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function Stakes({ data, address, isOwn, onUnbond }: PositionProps & { data: BalanceView }) {
  return (
    <div className="min-w-0">
      <h3 className="mb-1 font-medium">Stake at work</h3>
      {data.stakes.length === 0 ? (
        <EmptyNotice title="Nothing is staked.">Choose a node below and delegate to it.</EmptyNotice>
      ) : (
        <Table label="Stake at work" head={['with', 'as', 'HART', '']}>
          {data.stakes.map(({ node, kind, wei }) => (
            <tr key={node}>
              <td className="font-mono text-[13px]" title={node}>
                {node === address.toLowerCase() ? 'own node' : shortId(node)}
              </td>
              <td>{kind}</td>
              <td>
                <Hart wei={wei} unit={false} />
              </td>
              <td className="text-right">
                {isOwn && (
                  <Button onClick={() => onUnbond(node)} aria-label={`Unbond from ${shortId(node)}`}>
                    Unbond
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </div>
  )
}

function Unlocks({ data, isOwn, onAction }: PositionProps & { data: BalanceView }) {
  return (
    <div className="min-w-0">
      <h3 className="mb-1 font-medium">On its way back</h3>
      {data.unlocks.length === 0 ? (
        <EmptyNotice title="Nothing is unlocking.">
          What you unbond shows here, with the day on which it is free.
        </EmptyNotice>
      ) : (
        <Table label="On its way back" head={['HART', 'from', 'free on', '']}>
          {data.unlocks.map((unlock) => (
            <tr key={`${unlock.kind} ${unlock.unbonding?.id ?? ''}`}>
              <td>
                <Hart wei={unlock.wei} unit={false} />
              </td>
              <td>{unlock.kind}</td>
              <td>
                <UnlockDate unlock={unlock} />
              </td>
              <td className="text-right">{isOwn && <Withdraw unlock={unlock} onAction={onAction} />}</td>
            </tr>
          ))}
        </Table>
      )}
    </div>
  )
}

function UnlockDate({ unlock }: { unlock: UnlockView }) {
  if (unlock.unbonding?.isFrozen === true)
    return <span className="text-warn">frozen while its node is in a dispute</span>
  if (unlock.isReady) return <span className="text-ready">ready</span>
  return <time dateTime={new Date(unlock.readyAtMs).toISOString()}>{formatDateTime(unlock.readyAtMs)}</time>
}

function Withdraw({ unlock, onAction }: { unlock: UnlockView; onAction: PositionProps['onAction'] }) {
  const { unbonding, isReady, wei } = unlock
  // What thaws in Escrow is taken by hart wallet, which also knows its vouchers.
  if (unbonding === undefined || !isReady || unbonding.isFrozen) return null
  return (
    <Button
      tone="primary"
      onClick={() => onAction({ kind: 'withdraw', id: unbonding.id, node: unbonding.node, wei: BigInt(wei) })}
    >
      Withdraw
    </Button>
  )
}
