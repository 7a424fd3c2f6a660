import type { ReactNode } from 'react'

/** Name and value, for lists of what something is. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-[13px] text-muted">{name}</dt>
      <dd className="break-words">{children}</dd>
    </div>
  )
}
