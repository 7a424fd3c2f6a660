/**
 * The way of one answer, drawn: you, the coordinator, and each node that was asked, below one another. Units are px of a box
 * 400 wide. What it shows stands beside it as text.
 */
import { type Attempt, outcomeOf } from '../jobs/attempts.ts'
import { shortId } from '../lib/format.ts'

export interface RouteStop {
  attempt: Attempt
  /** Empty where none was declared, undefined where the node is not seen any more. */
  region: string | undefined
  isOwn: boolean
  /** Its text comes now. */
  isAnswering: boolean
}

interface DiagramProps {
  coordinator: string | undefined
  stops: readonly RouteStop[]
  /** Why no node is asked yet. */
  waiting: string
  /** The way between you and the coordinator. */
  first: Look
  /** In a sentence. */
  description: string
}

const width = 400
const rowHeight = 62
const firstY = 34
const you = { left: 2, right: 62 }
const middle = { left: 104, right: 212 }
const node = { left: 266, right: 398 }
/** Where ways to the second node and those after it turn down. */
const turnX = 226

export type Look = 'planned' | 'open' | 'answering' | 'won' | 'lost' | 'failed' | 'cancelled'

const colours: Readonly<Record<Look, string>> = {
  planned: 'text-paused',
  open: 'text-accent',
  answering: 'text-accent',
  won: 'text-ready',
  lost: 'text-paused',
  failed: 'text-danger',
  cancelled: 'text-paused',
}
const dashes: Readonly<Record<Look, string | undefined>> = {
  planned: '2 4',
  open: '6 4',
  answering: undefined,
  won: undefined,
  lost: '2 4',
  failed: '6 4',
  cancelled: '2 4',
}
const words: Readonly<Record<Look, string>> = {
  planned: '',
  open: 'asked',
  answering: 'answers now',
  won: 'answered',
  lost: 'was slower',
  failed: 'failed',
  cancelled: 'stopped',
}

export function RouteDiagram({ coordinator, stops, waiting, first, description }: DiagramProps) {
  const height = firstY + Math.max(0, stops.length - 1) * rowHeight + 38
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={description} className="w-full max-w-[30rem]">
      <title>{description}</title>
      <Way
        d={`M${you.right} ${firstY}H${middle.left}`}
        look={first}
        at={{ x: (you.right + middle.left) / 2, y: firstY }}
      />
      <Box {...you} y={firstY} title="You" lines={['this tab']} colour="text-line-strong" />
      <Box
        {...middle}
        y={firstY}
        title="Coordinator"
        lines={[coordinator === undefined ? '' : shortId(coordinator)]}
        colour="text-line-strong"
      />
      {stops.length === 0 && (
        <>
          <Way d={`M${middle.right} ${firstY}H${node.left}`} look="planned" />
          <Box {...node} y={firstY} title="a node" lines={[waiting]} colour="text-paused" isDashed />
        </>
      )}
      {stops.map((stop, index) => {
        const y = firstY + index * rowHeight
        const look = lookOf(stop)
        const from = index === 0 ? `M${middle.right} ${y}` : `M${middle.right} ${firstY}H${turnX}V${y}`
        return (
          <g key={stop.attempt.attempt}>
            <Way d={`${from}H${node.left}`} look={look} at={{ x: (turnX + node.left) / 2, y }} />
            <Box
              {...node}
              y={y}
              title={stop.attempt.peerId === 'self' ? 'own node' : shortId(stop.attempt.peerId)}
              lines={[placeOf(stop), wordOf(stop, look)]}
              colour={colours[look]}
              isCrossed={look === 'failed'}
              isDashed={look === 'lost' || look === 'cancelled'}
            />
          </g>
        )
      })}
    </svg>
  )
}

function lookOf({ attempt, isAnswering }: RouteStop): Look {
  return attempt.outcome ?? (isAnswering ? 'answering' : 'open')
}

function placeOf({ region, isOwn }: RouteStop): string {
  if (isOwn) return "the coordinator's own"
  if (region === undefined) return 'not seen any more'
  return region === '' ? 'no region declared' : `region ${region}`
}

function wordOf({ attempt }: RouteStop, look: Look): string {
  return `try ${attempt.attempt}${attempt.isHedge ? ', hedge' : ''}: ${words[look]}`
}

interface BoxProps {
  left: number
  right: number
  y: number
  title: string
  lines: readonly string[]
  colour: string
  isCrossed?: boolean
  isDashed?: boolean
}

function Box({ left, right, y, title, lines, colour, isCrossed = false, isDashed = false }: BoxProps) {
  const shown = lines.filter((line) => line !== '')
  const height = 22 + 15 * shown.length
  const top = y - height / 2
  return (
    <g className={colour}>
      <rect
        x={left}
        y={top}
        width={right - left}
        height={height}
        rx="6"
        className="fill-panel"
        stroke="currentColor"
        strokeWidth="1.5"
        {...(isDashed ? { strokeDasharray: '3 3' } : {})}
      />
      <g className="fill-ink" textAnchor="middle">
        <text
          x={(left + right) / 2}
          y={top + 16}
          fontSize="12.5"
          fontWeight="600"
          {...(isCrossed ? { textDecoration: 'line-through' } : {})}
        >
          {title}
        </text>
        {shown.map((line, index) => (
          <text key={line} x={(left + right) / 2} y={top + 31 + 15 * index} fontSize="11.5" className="fill-muted">
            {line}
          </text>
        ))}
      </g>
    </g>
  )
}

/** A way with the sign of what became of it. */
function Way({ d, look, at }: { d: string; look: Look; at?: { x: number; y: number } }) {
  return (
    <g className={colours[look]} fill="none" stroke="currentColor" strokeWidth="2">
      <path
        d={d}
        {...(dashes[look] === undefined ? {} : { strokeDasharray: dashes[look] })}
        className={look === 'open' || look === 'answering' ? 'animate-pulse' : ''}
      />
      {at !== undefined && signs[look] !== undefined && (
        <g transform={`translate(${at.x} ${at.y})`}>
          <circle r="8.5" className="fill-panel" strokeWidth="1.5" />
          <path d={signs[look]} />
        </g>
      )}
    </g>
  )
}

/** Around 0, within 4. */
const signs: Readonly<Record<Look, string | undefined>> = {
  planned: undefined,
  open: undefined,
  answering: 'M3.5 0H-3M0 -3.5L-3.5 0L0 3.5',
  won: 'M-4 0.5L-1 3.5L4 -3',
  lost: 'M-4 0H4',
  failed: 'M-3.5 -3.5L3.5 3.5M3.5 -3.5L-3.5 3.5',
  cancelled: 'M-4 0H4',
}

/** The same in words. */
export function describeRoute(stops: readonly RouteStop[], waiting: string, isAccepted: boolean): string {
  if (!isAccepted) return 'You send the prompt to the coordinator.'
  const asked = stops.map(
    ({ attempt }) =>
      `node ${attempt.peerId}${attempt.isHedge ? ', as a hedge' : ''}, which ${attempt.outcome === undefined ? 'is at work' : outcomeOf(attempt)}`,
  )
  if (asked.length === 0) return `You asked the coordinator; no node is asked yet: ${waiting}.`
  return `You asked the coordinator. It asked ${asked.join('; then ')}.`
}
