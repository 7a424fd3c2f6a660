import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { DelegateView } from '#protocol/api/chain.ts'
import { Age } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { Tip } from '../components/tip.tsx'
import { formatDateTime, shortId } from '../lib/format.ts'
import { Hart, shortHart } from './hart.tsx'
import { delegatesQuery } from './queries.ts'

const commissionsShown = 3

/** Whom one can delegate to: those who can take it first, and of these the lower fee. */
export function Delegates({ chosen, onChoose }: { chosen: string | undefined; onChoose: (address: string) => void }) {
  const { data, error, refetch, dataUpdatedAt } = useQuery(delegatesQuery)
  const aside = data !== undefined && (
    <span className="text-[13px] text-muted">
      {data.length} registered, read <Age atMs={dataUpdatedAt} />{' '}
      <Tip
        label="How delegates are ordered"
        text="Active nodes with room first, then by commission, the lowest first, then by bond. Earned per HART is what one HART delegated would have earned from emission in the last 30 epochs, after the commission of that time. All figures follow from the events of Staking."
      />
    </span>
  )
  return (
    <Panel title="Delegate" aside={aside}>
      {data === undefined && error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton className="h-40 w-full" />}
      {data?.length === 0 && (
        <EmptyNotice title="Nobody has registered as a node yet.">
          An operator does it by <code>hart stake add --bond 1000</code>
        </EmptyNotice>
      )}
      {data !== undefined && data.length > 0 && (
        <div className="max-h-[28rem] overflow-y-auto">
          <Table
            label="Delegates"
            head={['node', 'state', 'fee cut', 'bond', 'delegated', 'room left', 'earned per HART', '']}
          >
            {data.toSorted(byUse).map((delegate) => (
              <Row
                key={delegate.address}
                delegate={delegate}
                isChosen={delegate.address === chosen}
                onChoose={onChoose}
              />
            ))}
          </Table>
        </div>
      )}
    </Panel>
  )
}

function byUse(a: DelegateView, b: DelegateView): number {
  const takes = (one: DelegateView) => (one.isActive && one.frozen === 0 && one.roomWei !== '0' ? 0 : 1)
  return takes(a) - takes(b) || a.commissionBps - b.commissionBps || Number(BigInt(b.bondWei) - BigInt(a.bondWei))
}

function Row({
  delegate,
  isChosen,
  onChoose,
}: {
  delegate: DelegateView
  isChosen: boolean
  onChoose: (address: string) => void
}) {
  const { address, peerId, bondWei, delegatedWei, delegators, roomWei, history } = delegate
  return (
    <tr className={isChosen ? 'bg-accent-soft' : 'bg-panel'} aria-selected={isChosen}>
      <td className="whitespace-nowrap">
        <Link
          to="/stake"
          search={(known) => ({ ...known, address })}
          className="block font-mono text-[13px] underline"
          title={`${address}: its position`}
        >
          {shortId(address)}
        </Link>
        {peerId === undefined ? (
          <span className="text-[13px] text-muted">no live node names it</span>
        ) : (
          <Link
            to="/nodes/$peerId"
            params={{ peerId }}
            className="font-mono text-[13px] text-accent underline"
            title={peerId}
          >
            {shortId(peerId)}
          </Link>
        )}
      </td>
      <td>
        <DelegateState delegate={delegate} />
      </td>
      <td>
        <FeeCut delegate={delegate} />
      </td>
      <td>
        <Hart wei={bondWei} unit={false} />
      </td>
      <td title={`${delegators} delegators`}>
        <Hart wei={delegatedWei} unit={false} />
      </td>
      <td>
        <Hart wei={roomWei} unit={false} />
      </td>
      <td>
        {history.epochs === 0 ? (
          <span className="text-muted" title="No epoch has ended on this chain yet">
            no history
          </span>
        ) : (
          <span title={`through the last ${history.epochs} epochs`}>
            <Hart wei={history.weiPerHart} unit={false} />
          </span>
        )}
      </td>
      <td className="bg-inherit text-right sm:sticky sm:right-0">
        <Button
          tone={isChosen ? 'primary' : 'plain'}
          aria-pressed={isChosen}
          aria-label={`Delegate to ${shortId(address)}`}
          onClick={() => onChoose(address)}
        >
          Delegate
        </Button>
      </td>
    </tr>
  )
}

/** A form and a word: a filled circle takes delegation, a hollow one does not, a square is frozen. */
function DelegateState({ delegate: { isActive, frozen, slashes, roomWei } }: { delegate: DelegateView }) {
  const [word, shade] =
    frozen > 0
      ? ['frozen', 'text-warn']
      : !isActive
        ? ['inactive', 'text-muted']
        : roomWei === '0'
          ? ['full', 'text-busy']
          : ['active', 'text-ready']
  const slashed = slashes.reduce(
    (sum, { fromBondWei, fromDelegatorsWei }) => sum + BigInt(fromBondWei) + BigInt(fromDelegatorsWei),
    0n,
  )
  return (
    <>
      <span className={`flex items-center gap-1.5 ${shade}`}>
        <svg viewBox="0 0 12 12" aria-hidden="true" className="size-2.5 shrink-0">
          {frozen > 0 ? (
            <rect x="1" y="1" width="10" height="10" fill="currentColor" />
          ) : (
            <circle
              cx="6"
              cy="6"
              r="4.5"
              fill={isActive ? 'currentColor' : 'none'}
              stroke="currentColor"
              strokeWidth="2"
            />
          )}
        </svg>
        {word}
      </span>
      {slashes.length > 0 && (
        <span
          className="block text-[13px] text-danger"
          title={slashes.map(({ atMs }) => formatDateTime(atMs)).join('\n')}
        >
          slashed {slashes.length === 1 ? 'once' : `${slashes.length} times`}, {shortHart(slashed)}
        </span>
      )}
    </>
  )
}

export function percentOf(bps: number): string {
  return `${bps / 100}%`
}

/** The cut of now, what was announced, and what it was before. */
function FeeCut({ delegate: { commissionBps, nextCommission, commissions } }: { delegate: DelegateView }) {
  const last = commissions.slice(-commissionsShown)
  const history = (
    <>
      {commissions.length > last.length && `${commissions.length - last.length} earlier changes. `}
      {last.map(({ commissionBps: bps, startsAtMs, transactionHash }) => (
        <span key={transactionHash} className="block">
          {percentOf(bps)} from {formatDateTime(startsAtMs)}
        </span>
      ))}
      <span className="mt-1 block text-muted">A change is announced seven days before it starts.</span>
    </>
  )
  return (
    <Tip text={history}>
      <span className="underline decoration-dotted underline-offset-2">{percentOf(commissionBps)}</span>
      {nextCommission !== undefined && (
        <span className="block text-[13px] text-warn">
          {percentOf(nextCommission.commissionBps)} from {formatDateTime(nextCommission.startsAtMs)}
        </span>
      )}
    </Tip>
  )
}
