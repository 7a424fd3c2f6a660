import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import type { ChainStateView } from '#protocol/api/chain.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { formatDuration } from '#protocol/units.ts'
import { Age, useIsStale } from '../components/age.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Tip } from '../components/tip.tsx'
import { formatCount, formatDateTime } from '../lib/format.ts'
import { AccountBar } from './account-bar.tsx'
import { ActionDialog } from './action-dialog.tsx'
import { Delegates } from './delegates.tsx'
import { shortHart } from './hart.tsx'
import { Position } from './position.tsx'
import { accountQuery, chainQuery, delegatesQuery } from './queries.ts'
import { Rewards } from './rewards.tsx'
import { StakeForm } from './stake-form.tsx'
import { TestFunds } from './test-funds.tsx'
import { UnbondDialog } from './unbond-dialog.tsx'
import { useAction } from './use-action.ts'
import { useWallets } from './wallet.ts'
import { WalletPicker } from './wallet-picker.tsx'

const route = getRouteApi('/stake')

/** Position first; then what it earned, and to whom one can delegate. */
export function StakePage() {
  const { data: chain, error, refetch, dataUpdatedAt } = useQuery(chainQuery)
  if (chain !== undefined)
    return (
      <Page title="Stake" aside={<ChainLine chain={chain} readAtMs={dataUpdatedAt} />}>
        <StakeOnChain chain={chain} />
      </Page>
    )
  return (
    <Page title="Stake">
      {error === null ? (
        <Skeleton className="h-64 w-full" />
      ) : isHartonomousError(error, 'ERR_NOT_FOUND') ? (
        <Panel title="No chain">
          <EmptyNotice title="This coordinator is on no chain: there is nothing to stake here.">
            Models are shared and run without one. Its operator can set <code>chain.rpc</code>, or try{' '}
            <code>hart chain start --use</code>.
          </EmptyNotice>
        </Panel>
      ) : (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      )}
    </Page>
  )
}

function StakeOnChain({ chain }: { chain: ChainStateView }) {
  const { address: wanted, delegate: chosen } = route.useSearch()
  const navigate = route.useNavigate()
  const { connected } = useWallets()
  const [isPicking, setPicking] = useState(false)
  const [unbondFrom, setUnbondFrom] = useState<string>()
  const { state, begin, confirm, close } = useAction(connected, chain)
  const [doneCount, setDoneCount] = useState(0)
  const address = wanted ?? connected?.account
  const isRightChain = connected?.chainId === chain.chainId
  const isOwn = isRightChain && address?.toLowerCase() === connected.account
  const { data: own } = useQuery({ ...accountQuery(connected?.account ?? ''), enabled: connected !== undefined })
  const { data: shown } = useQuery({ ...accountQuery(address ?? ''), enabled: address !== undefined })
  const { data: delegates } = useQuery(delegatesQuery)
  const delegate = delegates?.find((each) => each.address === chosen?.toLowerCase())
  const [pressed, setPressed] = useState<string>()
  const choose = (next: string | undefined) => {
    setPressed(next)
    void navigate({ search: (now) => ({ ...now, delegate: next }), resetScroll: false })
  }
  const look = (next: string | undefined) =>
    void navigate({ search: (now) => ({ ...now, address: next }), resetScroll: false })
  return (
    <>
      <AccountBar
        address={address}
        wallet={connected}
        chain={chain}
        onAddress={look}
        onConnect={() => setPicking(true)}
      />
      {address === undefined ? (
        <Panel title="Position">
          <EmptyNotice title="Whose position?">
            Enter any address above, or connect a wallet. Free, escrowed, staked and unlocking HART are shown as of one
            block, without a signature.
          </EmptyNotice>
        </Panel>
      ) : (
        <>
          {chain.isDevelopment && shown !== undefined && shown.freeWei === '0' && <TestFunds address={address} />}
          <Position
            address={address}
            chain={chain}
            isOwn={isOwn}
            onAction={(action) => void begin(action)}
            onUnbond={setUnbondFrom}
          />
          <Rewards address={address} chain={chain} />
        </>
      )}
      <div className={delegate === undefined ? '' : 'grid items-start gap-3 lg:grid-cols-[minmax(0,1fr)_26rem]'}>
        <Delegates chosen={delegate?.address} onChoose={choose} />
        {delegate !== undefined && (
          <StakeForm
            key={`${delegate.address} ${doneCount}`}
            chain={chain}
            delegate={delegate}
            freeWei={own === undefined ? undefined : BigInt(own.freeWei)}
            isOwnBond={delegate.address === connected?.account}
            isConnected={connected !== undefined}
            isRightChain={isRightChain}
            isWanted={pressed === delegate.address}
            onConnect={() => setPicking(true)}
            onReview={(action) => void begin(action)}
            onClose={() => choose(undefined)}
          />
        )}
      </div>
      <WalletPicker isOpen={isPicking} onClose={() => setPicking(false)} />
      <UnbondDialog
        chain={chain}
        stake={shown?.stakes.find(({ node }) => node === unbondFrom)}
        onReview={(action) => {
          setUnbondFrom(undefined)
          void begin(action)
        }}
        onClose={() => setUnbondFrom(undefined)}
      />
      <ActionDialog
        state={state}
        onConfirm={() => void confirm()}
        onClose={() => {
          // What was done is not offered again.
          if (state?.result !== undefined) setDoneCount(doneCount + 1)
          close()
        }}
      />
    </>
  )
}

/** Which chain, how far it is, and what is staked on it. */
function ChainLine({ chain, readAtMs }: { chain: ChainStateView; readAtMs: number }) {
  const { chainId, isDevelopment, block, epoch, totals, nowMs } = chain
  const isStale = useIsStale(readAtMs)
  return (
    <p className={`flex flex-wrap gap-x-4 text-[13px] ${isStale ? 'text-stale' : 'text-muted'}`}>
      <span title={block.hash}>
        {isDevelopment ? 'development chain' : 'chain'} {chainId}, block {formatCount(block.number)}
      </span>
      <span title={`ends ${formatDateTime(epoch.endsAtMs)}`}>
        epoch {epoch.number}, {formatDuration(Math.max(0, epoch.endsAtMs - nowMs))} left
      </span>
      <span>
        {shortHart(BigInt(totals.stakedWei))} HART staked with{' '}
        {totals.delegatesActive === 1 ? '1 active node' : `${totals.delegatesActive} active nodes`}{' '}
        <Tip
          label="How the stake is counted"
          text="All bonds and all delegation, without what is on its way out, replayed from the events of Staking as of this block. Active is a bond of at least the least one."
        />
      </span>
      <span>
        read <Age atMs={readAtMs} />
      </span>
    </p>
  )
}
