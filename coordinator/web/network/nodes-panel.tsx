import { Link } from '@tanstack/react-router'
import { ArrowDown, ArrowUp, Download, X } from 'lucide-react'
import { type ReactNode, useMemo, useRef } from 'react'
import { formatHart } from '#protocol/hart.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import { formatRate } from '#protocol/units.ts'
import type { SwarmNode } from '../app/swarm.ts'
import { Age, useIsStale } from '../components/age.tsx'
import { Button } from '../components/button.tsx'
import { inputClass } from '../components/field.tsx'
import { EmptyNotice } from '../components/notice.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { StateBadge } from '../components/state-mark.tsx'
import { formatCompact, formatCount, shortId } from '../lib/format.ts'
import { nodesCsv } from './node-csv.ts'
import { sortNodes, usualOrder } from './node-filter.ts'
import { regionName } from './regions.ts'
import { type NetworkSearch, type NodeColumn, nodeColumns } from './search.ts'
import { useVisibleRows } from './visible-rows.ts'

const rowPx = 34
const none = <span className="text-muted">–</span>

/** A free one says so: its price is zero, not unknown. */
function priceOf({ price }: SwarmNode): ReactNode {
  const wei = BigInt(price?.weiPerKiloToken ?? 0)
  return wei === 0n ? 'free' : formatHart(wei)
}

interface Column {
  title: string
  /** What is behind the figure, on hover. */
  hint: string
  isFigure?: boolean
  cell: (node: SwarmNode) => ReactNode
}

const columns: Readonly<Record<NodeColumn, Column>> = {
  node: {
    title: 'Node',
    hint: 'Its libp2p identity',
    cell: ({ peerId }) => (
      <Link to="/nodes/$peerId" params={{ peerId }} title={peerId} className="font-mono text-[13px] underline">
        {shortId(peerId)}
      </Link>
    ),
  },
  state: { title: 'State', hint: 'By its lease and the last probe', cell: (node) => <StateBadge {...node} /> },
  region: {
    title: 'Region',
    hint: 'As its owner declares it',
    cell: ({ region }) => (region === '' ? none : <span title={regionName(region)}>{region}</span>),
  },
  models: {
    title: 'Models',
    hint: 'Models of which it holds some',
    cell: ({ models }) => (
      <span className="block max-w-56 truncate" title={models.map(({ name, modelId }) => name ?? modelId).join('\n')}>
        {models.length === 0 ? none : models.map(({ name, modelId }) => name ?? shortId(modelId)).join(', ')}
      </span>
    ),
  },
  slots: {
    title: 'Slots',
    hint: 'Answers that it can give at once: free of all',
    isFigure: true,
    cell: ({ inferenceSlots, inferenceSlotsFree }) =>
      inferenceSlots === 0 ? none : `${inferenceSlotsFree}/${inferenceSlots}`,
  },
  speed: {
    title: 'Tokens/s',
    hint: 'Measured: of its last answer to a job of this coordinator',
    isFigure: true,
    cell: ({ speed }) => (speed === undefined ? none : speed.tokensPerSecond.toFixed(1)),
  },
  upload: {
    title: 'Upload',
    hint: 'What it offers, as its lease says',
    isFigure: true,
    cell: ({ uploadBytesPerSecond }) => (uploadBytesPerSecond === 0 ? none : formatRate(uploadBytesPerSecond)),
  },
  price: { title: 'Price', hint: 'HART for 1,000 tokens', isFigure: true, cell: priceOf },
  stake: {
    title: 'Stake',
    hint: 'HART that a slash could take',
    isFigure: true,
    cell: ({ stake }) => {
      if (stake === undefined) return none
      const hart = formatHart(BigInt(stake.bondWei))
      return <span title={`${hart} HART`}>{formatCompact(Number(hart))}</span>
    },
  },
  score: {
    title: 'Score',
    hint: "0 to 1, by this coordinator's own experience and the chain",
    isFigure: true,
    cell: ({ score }) => score.toFixed(2),
  },
  heard: { title: 'Heard', hint: 'When its last lease came', isFigure: true, cell: (node) => <Heard node={node} /> },
}

function Heard({ node: { heardAtMs } }: { node: SwarmNode }) {
  const isOld = useIsStale(heardAtMs, leaseTtlMs)
  return (
    <span className={isOld ? 'text-stale' : ''}>
      <Age atMs={heardAtMs} />
    </span>
  )
}

interface NodesPanelProps {
  /** Those that the filters leave; undefined while they are not known. */
  nodes: readonly SwarmNode[] | undefined
  total: number
  search: NetworkSearch
  /** In the filter: the address follows. */
  typed: string
  onType: (text: string) => void
  modelName: string | undefined
  onSearch: (changed: Partial<NetworkSearch>) => void
}

/** All nodes that fit, in any order, as a table of which only the rows that are seen exist. */
export function NodesPanel({ nodes, total, search, typed, onType, modelName, onSearch }: NodesPanelProps) {
  const { sort = 'state', order = usualOrder(sort), region, model, states } = search
  const sorted = useMemo(() => sortNodes(nodes ?? [], sort, order), [nodes, sort, order])
  const isFiltered = typed !== '' || [region, model, states].some((filter) => filter !== undefined)
  return (
    <Panel
      title={nodes === undefined ? 'Nodes' : `Nodes: ${formatCount(sorted.length)} of ${formatCount(total)}`}
      aside={
        <span className="flex flex-wrap items-center gap-2">
          {region !== undefined && <Chip text={regionName(region)} onClear={() => onSearch({ region: undefined })} />}
          {model !== undefined && (
            <Chip text={modelName ?? shortId(model)} onClear={() => onSearch({ model: undefined })} />
          )}
          {states !== undefined && (
            <Chip text={states.replaceAll('.', ', ')} onClear={() => onSearch({ states: undefined })} />
          )}
          <input
            type="search"
            aria-label="Filter nodes by id, region, version or model"
            placeholder="id, region, version, model"
            maxLength={200}
            value={typed}
            onChange={(event) => onType(event.target.value)}
            className={`${inputClass} !w-60`}
          />
          <Button tone="quiet" disabled={sorted.length === 0} onClick={() => download(sorted)}>
            <Download className="size-4" /> CSV
          </Button>
        </span>
      }
    >
      {nodes === undefined && <Skeleton className="h-64 w-full" />}
      {nodes !== undefined && total === 0 && (
        <EmptyNotice title="No node is seen yet">
          One joins with <code className="font-mono">hart up --bootstrap ADDRESS</code>; it is here as soon as its first
          lease comes.
        </EmptyNotice>
      )}
      {total > 0 && sorted.length === 0 && (
        <EmptyNotice title="No node fits">
          {isFiltered && (
            <Button
              className="mt-2"
              onClick={() => {
                onType('')
                onSearch({ region: undefined, model: undefined, states: undefined })
              }}
            >
              Show all {formatCount(total)}
            </Button>
          )}
        </EmptyNotice>
      )}
      {sorted.length > 0 && (
        <Rows
          nodes={sorted}
          sort={sort}
          order={order}
          onSort={(column) => {
            const turned = order === 'up' ? 'down' : 'up'
            const next = column === sort ? turned : usualOrder(column)
            onSearch({ sort: column, order: next === usualOrder(column) ? undefined : next })
          }}
        />
      )}
    </Panel>
  )
}

function Chip({ text, onClear }: { text: string; onClear: () => void }) {
  return (
    <button
      type="button"
      onClick={onClear}
      aria-label={`${text}: show others too`}
      className="inline-flex min-h-6 items-center gap-1 rounded-md bg-accent-soft px-2 text-[13px]"
    >
      {text}
      <X className="size-3.5" />
    </button>
  )
}

interface RowsProps {
  nodes: readonly SwarmNode[]
  sort: NodeColumn
  order: 'up' | 'down'
  onSort: (column: NodeColumn) => void
}

function Rows({ nodes, sort, order, onSort }: RowsProps) {
  const frame = useRef<HTMLElement>(null)
  const { first, end } = useVisibleRows(frame, nodes.length, rowPx)
  return (
    <section
      ref={frame}
      aria-label="Nodes"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
      tabIndex={0}
      className="max-h-[26rem] overflow-auto"
    >
      <table aria-rowcount={nodes.length + 1} className="w-full border-separate border-spacing-0 text-left">
        <thead className="sticky top-0 z-1 bg-panel">
          <tr aria-rowindex={1}>
            {nodeColumns.map((name) => (
              <Head key={name} name={name} order={name === sort ? order : undefined} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr style={{ height: first * rowPx }} />}
          {nodes.slice(first, end).map((node, at) => (
            <tr
              key={node.peerId}
              aria-rowindex={first + at + 2}
              data-peer={node.peerId}
              className="hover:bg-raised"
              style={{ height: rowPx }}
            >
              {nodeColumns.map((name) => (
                <td
                  key={name}
                  className={`border-b border-line px-2 whitespace-nowrap ${columns[name].isFigure ? 'text-right' : ''}`}
                >
                  {columns[name].cell(node)}
                </td>
              ))}
            </tr>
          ))}
          {end < nodes.length && <tr style={{ height: (nodes.length - end) * rowPx }} />}
        </tbody>
      </table>
    </section>
  )
}

interface HeadProps {
  name: NodeColumn
  /** Where the table is sorted by it. */
  order: 'up' | 'down' | undefined
  onSort: (column: NodeColumn) => void
}

function Head({ name, order, onSort }: HeadProps) {
  const { title, hint, isFigure } = columns[name]
  return (
    <th
      scope="col"
      aria-sort={order === undefined ? 'none' : order === 'up' ? 'ascending' : 'descending'}
      className="border-b border-line-strong px-1 py-1 font-medium whitespace-nowrap"
    >
      <button
        type="button"
        title={hint}
        onClick={() => onSort(name)}
        className={`flex min-h-6 w-full items-center gap-1 rounded px-1 text-[13px] text-muted hover:bg-raised hover:text-ink ${isFigure ? 'justify-end' : ''}`}
      >
        {title}
        {order === 'up' && <ArrowUp className="size-3" />}
        {order === 'down' && <ArrowDown className="size-3" />}
      </button>
    </th>
  )
}

function download(nodes: readonly SwarmNode[]): void {
  const url = URL.createObjectURL(new Blob([nodesCsv(nodes)], { type: 'text/csv' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `nodes-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`
  link.click()
  URL.revokeObjectURL(url)
}
