import { Link } from '@tanstack/react-router'
import { ArrowDownToLine, ArrowRight, Box, Copy, LogIn, LogOut, type LucideIcon, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import type { NetworkEvent } from '#protocol/api/network.ts'
import { Age } from '../components/age.tsx'
import { StateBadge } from '../components/state-mark.tsx'
import { shortId } from '../lib/format.ts'

/** One thing that happened, in a line; what it happened to is a link. */
export function EventLine({ event, isNodeKnown = false }: { event: NetworkEvent; isNodeKnown?: boolean }) {
  const { icon: Icon, tone, text } = wordsOf(event, isNodeKnown)
  return (
    <li className="flex items-start gap-2 py-1">
      <Icon aria-hidden="true" className={`mt-0.5 size-3.5 shrink-0 ${tone}`} />
      <span className="min-w-0 flex-1 break-words">{text}</span>
      <span className="shrink-0 text-[13px] text-muted">
        <Age atMs={event.atMs} />
      </span>
    </li>
  )
}

function wordsOf(event: NetworkEvent, isNodeKnown: boolean): { icon: LucideIcon; tone: string; text: ReactNode } {
  switch (event.type) {
    case 'node-joined':
      return { icon: LogIn, tone: 'text-ready', text: <>{nodeOf(event.peerId, isNodeKnown)} joined</> }
    case 'node-left':
      return { icon: LogOut, tone: 'text-muted', text: <>{nodeOf(event.peerId, isNodeKnown)} left</> }
    case 'node-state':
      return {
        icon: ArrowRight,
        tone: 'text-muted',
        text: (
          <>
            {nodeOf(event.peerId, isNodeKnown)} was {event.from}, is <StateBadge state={event.to} />
            <span className="block text-[13px] text-muted">{event.reason}</span>
          </>
        ),
      }
    case 'model-appeared':
      return { icon: Box, tone: 'text-accent', text: <>{modelOf(event)} appeared</> }
    case 'model-copies':
      return {
        icon: event.to < 2 ? TriangleAlert : Copy,
        tone: event.to < 2 ? 'text-warn' : 'text-muted',
        text: (
          <>
            {modelOf(event)} is held whole by{' '}
            {event.to === 0 ? 'nobody' : event.to === 1 ? '1 node' : `${event.to} nodes`}, was {event.from}
          </>
        ),
      }
    case 'part-rare':
      return {
        icon: ArrowDownToLine,
        tone: 'text-warn',
        text: (
          <>
            {event.layer === undefined ? event.part : `layer ${event.layer}`} of {modelOf(event)} became rare:{' '}
            {event.part} is held by {event.holders}
          </>
        ),
      }
  }
}

const linkLook = 'font-medium underline decoration-line-strong underline-offset-2 hover:decoration-current'

function nodeOf(peerId: string, isKnown: boolean) {
  if (isKnown) return 'It'
  return (
    <Link to="/nodes/$peerId" params={{ peerId }} className={`${linkLook} font-mono text-[13px]`} title={peerId}>
      {shortId(peerId)}
    </Link>
  )
}

function modelOf({ modelId, name }: { modelId: string; name: string }) {
  return (
    <Link to="/models/$model" params={{ model: modelId }} className={linkLook}>
      {name}
    </Link>
  )
}
