import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { StatusView } from '#protocol/api/control.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { ThemeButton } from '../app/theme-button.tsx'
import { Age } from '../components/age.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { Logo } from '../components/logo.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { AskedPanel } from './asked-panel.tsx'
import { EarningsPanel } from './earnings-panel.tsx'
import { Headline } from './headline.tsx'
import { HoldingsPanel } from './holdings-panel.tsx'
import { IdentityPanel } from './identity-panel.tsx'
import { LimitsPanel } from './limits-panel.tsx'
import { LogPanel } from './log-panel.tsx'
import { statusQuery, useNodeLive } from './node-data.ts'
import { PeersPanel } from './peers-panel.tsx'
import { SchedulePanel } from './schedule-panel.tsx'
import { TransfersPanel } from './transfers-panel.tsx'

/** A node as its owner sees it, without any coordinator. */
export function MyNodePage({ linkProblem }: { linkProblem: string | undefined }) {
  const { data, error, dataUpdatedAt, refetch } = useQuery(statusQuery)
  const isSignedOut = isHartonomousError(error, 'ERR_AUTH')
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex items-center justify-between gap-3 border-b border-line bg-panel px-3 py-2">
        <span className="flex items-center gap-2 font-semibold">
          <Logo />
          Hartonomous
        </span>
        <ThemeButton />
      </header>
      {!isSignedOut && data !== undefined && <Connection />}
      <main className="flex-1">
        <Page title="My node" isTitleHidden>
          {isSignedOut ? (
            <SignedOut linkProblem={linkProblem} />
          ) : data !== undefined ? (
            <Node status={data} readAtMs={dataUpdatedAt} />
          ) : error !== null ? (
            <ErrorNotice error={error} onRetry={() => void refetch()} />
          ) : (
            <Skeleton className="h-40 w-full" />
          )}
        </Page>
      </main>
    </div>
  )
}

function Node({ status, readAtMs }: { status: StatusView; readAtMs: number }) {
  return (
    <>
      <Headline status={status} readAtMs={readAtMs} />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-3 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
        <Column>
          <AskedPanel activity={status.activity} />
          <TransfersPanel transfers={status.transfers} />
          <HoldingsPanel placement={status.placement} />
          <EarningsPanel problem={status.economy?.problem} />
          <PeersPanel />
        </Column>
        <Column>
          <LimitsPanel />
          <SchedulePanel />
          <IdentityPanel status={status} />
        </Column>
      </div>
      <LogPanel />
    </>
  )
}

function Column({ children }: { children: ReactNode }) {
  return <div className="grid grid-cols-[minmax(0,1fr)] gap-3">{children}</div>
}

/** Shown only while the stream is lost: all figures below keep their age. */
function Connection() {
  const { isConnected, sinceMs } = useNodeLive()
  return (
    <div role="status">
      {!isConnected && (
        <p className="border-b border-warn bg-warn-soft px-3 py-1 text-[13px]">
          This node does not answer <Age atMs={sinceMs} prefix="since " />. What you see is as it was then; it is tried
          again by itself. If it was stopped, hart up starts it.
        </p>
      )}
    </div>
  )
}

function SignedOut({ linkProblem }: { linkProblem: string | undefined }) {
  return (
    <Panel title="This page is for the owner of this node">
      {linkProblem !== undefined && (
        <p role="alert" className="mb-3 text-danger">
          {linkProblem}
        </p>
      )}
      <p>Print a link on the machine on which it runs, and open it in this browser:</p>
      <p className="my-2">
        <CopyText text="hart open" label="the command" />{' '}
        <span className="text-muted">with --data-dir DIR, where the node was started with it.</span>
      </p>
      <p className="text-muted">
        The link works once, within ten minutes. This browser then stays signed in for twelve hours, also when the node
        is started again. On the command line hart status says the same without a browser.
      </p>
    </Panel>
  )
}
