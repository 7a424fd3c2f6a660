import type { ErrorComponentProps } from '@tanstack/react-router'
import { ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'

/** A page that broke, or whose code is of an older build than the server. */
export function PageError({ error, reset }: ErrorComponentProps) {
  return (
    <Page title="This page broke">
      <ErrorNotice error={error} onRetry={() => (isOutdated(error) ? location.reload() : reset())} />
    </Page>
  )
}

function isOutdated(error: unknown): boolean {
  return error instanceof Error && /dynamically imported module/i.test(error.message)
}
