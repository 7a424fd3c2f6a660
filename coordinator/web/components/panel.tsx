import { type ReactNode, useId } from 'react'

interface PanelProps {
  title: string
  /** Beside the title: a figure, a link, a filter. */
  aside?: ReactNode
  className?: string
  children: ReactNode
}

/** A part of a page under its own heading. Panels do not nest. */
export function Panel({ title, aside, className = '', children }: PanelProps) {
  const id = useId()
  return (
    <section aria-labelledby={id} className={`min-w-0 rounded-lg border border-line bg-panel ${className}`}>
      <header className="flex min-h-10 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line px-3 py-1.5">
        <h2 id={id} className="font-semibold">
          {title}
        </h2>
        {aside}
      </header>
      <div className="p-3">{children}</div>
    </section>
  )
}
