import type { ReactNode } from 'react'
import { Tip } from '../components/tip.tsx'

export interface Fact {
  name: string
  value: ReactNode
  /** Where it is from, or what it means. */
  how?: ReactNode
}

/** Names and values, one per line. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className="grid grid-cols-[minmax(7rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1.5">
      {facts.map(({ name, value, how }) => (
        <div key={name} className="contents">
          <dt className="flex items-center gap-1.5 text-muted">
            <span>{name}</span>
            {how !== undefined && <Tip text={how} label={`About ${name.toLowerCase()}`} />}
          </dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
