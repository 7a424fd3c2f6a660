import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { Tip } from '../components/tip.tsx'
import { shortId } from '../lib/format.ts'
import { peersQuery } from './node-data.ts'

/** Rows until the owner asks for all. */
const shownFirst = 8

export function PeersPanel() {
  const { data, error, refetch } = useQuery(peersQuery)
  const [isWhole, setWhole] = useState(false)
  const peers = data?.peers.toSorted((a, b) => b.score - a.score)
  const shown = isWhole ? peers : peers?.slice(0, shownFirst)
  return (
    <Panel
      title="Peers"
      aside={
        <Tip
          label="What the score means"
          text="How much this node relies on a peer, from 0 to 1: what it did for this node, what stands behind it on the chain, and the evidence against it. hart peers --why PEER shows what it is made of."
        />
      }
    >
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {shown === undefined && error === null && <Skeleton className="h-24 w-full" />}
      {shown?.length === 0 && (
        <EmptyNotice title="No peer is connected">
          Name one of the swarm: hart config set network.bootstrap /ip4/…/tcp/7412/p2p/… and start the node again.
        </EmptyNotice>
      )}
      {shown !== undefined && shown.length > 0 && (
        <Table label="Connected peers" head={['Peer', 'Region', 'Round trip', 'Models', 'Score']}>
          {shown.map((peer) => (
            <tr key={peer.peerId}>
              <td>
                <CopyText text={peer.peerId} shown={shortId(peer.peerId)} label="the peer id" />
              </td>
              <td>{peer.region === undefined || peer.region === '' ? <Untold /> : peer.region}</td>
              <td className="whitespace-nowrap">{peer.rttMs === undefined ? <Untold /> : roundTrip(peer.rttMs)}</td>
              <td>{peer.models.length}</td>
              <td>{peer.score.toFixed(2)}</td>
            </tr>
          ))}
        </Table>
      )}
      {peers !== undefined && peers.length > shownFirst && (
        <Button tone="quiet" className="mt-2" onClick={() => setWhole(!isWhole)}>
          {isWhole ? `Show the first ${shownFirst}` : `Show all ${peers.length}`}
        </Button>
      )}
    </Panel>
  )
}

function Untold() {
  return <span className="text-muted">not told</span>
}

function roundTrip(ms: number): string {
  return ms < 1 ? 'under 1 ms' : `${Math.round(ms)} ms`
}
