import type { ReactNode } from 'react'
import { Skeleton } from './skeleton.tsx'
import { Tip } from './tip.tsx'

interface StatProps {
  label: string
  /** Undefined while it is not known yet. */
  value: ReactNode | undefined
  /** Under the figure: its unit in words, or what it is made of. */
  detail?: ReactNode
  /** How it was counted, in a sentence or two. */
  how: ReactNode
  /** The whole figure, where the shown one is rounded. */
  full?: string
  isStale?: boolean
}

/** One figure with how it was counted. */
export function Stat({ label, value, detail, how, full, isStale = false }: StatProps) {
  return (
    <div className="min-w-0 px-3 py-2">
      <dt className="flex items-center gap-1.5 text-muted">
        <span className="truncate">{label}</span>
        <Tip text={how} label={`How ${label.toLowerCase()} is counted`} />
      </dt>
      <dd className={isStale ? 'text-stale' : ''}>
        <span className="text-xl font-semibold" title={full}>
          {value ?? <Skeleton className="h-6 w-16" />}
        </span>
        {detail !== undefined && <span className="block truncate text-[13px] text-muted">{detail}</span>}
      </dd>
    </div>
  )
}
