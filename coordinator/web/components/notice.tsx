import type { ReactNode } from 'react'
import { errorRules, isHartonomousError } from '#protocol/errors.ts'
import { Button } from './button.tsx'

/** There is nothing to show, and what would change that. */
export function EmptyNotice({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-1 px-4 py-8 text-center text-muted">
      <p className="font-medium text-ink">{title}</p>
      {children !== undefined && <div className="max-w-prose">{children}</div>}
    </div>
  )
}

/** What went wrong, in the words of the error, with its code and what to do. */
export function ErrorNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const known = isHartonomousError(error) ? error : undefined
  const message = error instanceof Error ? error.message : String(error)
  // A browser's own words for a server that does not answer help nobody.
  const text = error instanceof TypeError ? 'Nothing answers at this address: is it running?' : message
  return (
    <div role="alert" className="rounded-md border border-danger bg-danger-soft px-3 py-2">
      <p className="font-medium break-words">{text}</p>
      <p className="text-[13px] break-words">
        {known !== undefined && <code className="mr-2 font-mono">{known.code}</code>}
        {known === undefined ? '' : errorRules[known.code].remedy}
      </p>
      {onRetry !== undefined && (
        <Button className="mt-2" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}
