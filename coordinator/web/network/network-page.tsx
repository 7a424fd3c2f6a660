import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { modelsQuery, snapshotQuery } from '../app/queries.ts'
import type { SwarmNode } from '../app/swarm.ts'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import type { NodeState } from '../components/state-mark.tsx'
import { type Cell, clustersOf } from './cells.ts'
import { CheckNode } from './check-node.tsx'
import { EventsPanel } from './events-panel.tsx'
import { Legend } from './legend.tsx'
import { ModelsPanel } from './models-panel.tsx'
import { NodeCard } from './node-card.tsx'
import { matches, shownStates } from './node-filter.ts'
import { NodesPanel } from './nodes-panel.tsx'
import type { NetworkSearch } from './search.ts'
import { SwarmMap } from './swarm-map.tsx'
import { Totals, useIsOld } from './totals.tsx'
import { Tray } from './tray.tsx'

const typingRestMs = 300
const noNodes: readonly SwarmNode[] = []

/** The face of the network: what there is, where, in which state, and what is at risk. */
export function NetworkPage() {
  const [search, onSearch] = useAddress()
  const navigate = useNavigate()
  const { data: swarm, error, dataUpdatedAt, refetch } = useQuery(snapshotQuery)
  const models = useQuery(modelsQuery)
  const isOld = useIsOld()
  const [typed, setTyped] = useTyped(search.q, onSearch)
  const { shown, counts, clusters } = useShown(swarm?.nodes ?? noNodes, { ...search, q: typed })
  const states = shownStates(search)
  const onOpen = (region: string, { node, mix, state }: Cell) => {
    const place = { region: region === '' ? 'none' : region }
    if (node === undefined) onSearch(mix === undefined ? { ...place, states: state } : place)
    else void navigate({ to: '/nodes/$peerId', params: { peerId: node.peerId } })
  }
  const modelName = models.data?.find(({ modelId }) => modelId === search.model)?.name
  return (
    <Page title="Network" isTitleHidden>
      {error !== null && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      <Totals swarm={swarm} readAtMs={dataUpdatedAt} />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-3 xl:grid-cols-[minmax(0,7fr)_minmax(0,4fr)]">
        <Panel
          title="Map"
          aside={<Legend counts={counts} shown={states} onShow={(next) => onSearch({ states: next })} />}
        >
          <div className={isOld ? 'opacity-60 grayscale' : ''}>
            <SwarmMap
              clusters={clusters.placed}
              view={search.view}
              onView={(view) => onSearch({ view })}
              onOpen={onOpen}
              card={(region, cell) => <NodeCard region={region} cell={cell} />}
            />
            <Tray clusters={clusters.unplaced} onOpen={onOpen} />
          </div>
          {swarm?.nodes.length === 0 && <EmptyNotice title="No node is seen yet" />}
        </Panel>
        <div className="grid grid-cols-[minmax(0,1fr)] content-start gap-3">
          <ModelsPanel />
          <CheckNode peerId={search.check} onCheck={(check) => onSearch({ check })} />
        </div>
      </div>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-3 xl:grid-cols-[minmax(0,7fr)_minmax(0,4fr)]">
        <NodesPanel
          nodes={swarm === undefined ? undefined : shown}
          total={swarm?.nodes.length ?? 0}
          search={search}
          typed={typed}
          onType={setTyped}
          modelName={modelName}
          onSearch={onSearch}
        />
        <EventsPanel />
      </div>
    </Page>
  )
}

/** What the address says. A change of it is seen at once: the router takes its time, and the address follows. */
function useAddress(): [search: NetworkSearch, onSearch: (changed: Partial<NetworkSearch>) => void] {
  const address = useSearch({ from: '/' })
  const navigate = useNavigate()
  const [ahead, setAhead] = useState<{ of: NetworkSearch; search: NetworkSearch }>()
  const onSearch = useCallback(
    (changed: Partial<NetworkSearch>) => {
      setAhead((known) => ({
        of: address,
        search: { ...(known?.of === address ? known.search : address), ...changed },
      }))
      void navigate({ to: '/', search: (known) => ({ ...known, ...changed }), replace: true, resetScroll: false })
    },
    [navigate, address],
  )
  return [ahead?.of === address ? ahead.search : address, onSearch]
}

/** Filters with each key; the address follows when the hand rests, and leads when it changes by itself. */
function useTyped(
  q: string | undefined,
  onSearch: (changed: Partial<NetworkSearch>) => void,
): [typed: string, setTyped: (text: string) => void] {
  const [typed, setTyped] = useState(q ?? '')
  const written = useRef(q ?? '')
  useEffect(() => {
    if ((q ?? '') === written.current) return
    written.current = q ?? ''
    setTyped(written.current)
  }, [q])
  useEffect(() => {
    if (typed === written.current) return
    const timer = setTimeout(() => {
      written.current = typed
      onSearch({ q: typed === '' ? undefined : typed })
    }, typingRestMs)
    return () => clearTimeout(timer)
  }, [typed, onSearch])
  return [typed, setTyped]
}

/** What the filters leave: for the table, for the legend (all of them but its own), and as cells. */
function useShown(nodes: readonly SwarmNode[], { states, region, model, q }: NetworkSearch) {
  return useMemo(() => {
    const { isOfState, fits } = matches({ states, region, model, q })
    const counts = new Map<NodeState, number>()
    const shown: SwarmNode[] = []
    for (const node of nodes) {
      if (!fits(node)) continue
      counts.set(node.state, (counts.get(node.state) ?? 0) + 1)
      if (isOfState(node)) shown.push(node)
    }
    return { shown, counts, clusters: clustersOf(shown) }
  }, [nodes, states, region, model, q])
}
