import { getRouteApi, Link } from '@tanstack/react-router'
import { useIdentity, useScope } from '../app/session.ts'
import { SignInHint } from '../app/sign-in-hint.tsx'
import { Page } from '../components/page.tsx'
import { FindView } from './find-view.tsx'
import { SqlView } from './sql-view.tsx'

const route = getRouteApi('/query')
const views = [
  { view: 'find', name: 'Find components' },
  { view: 'sql', name: 'SQL' },
] as const

/** The model query engine: what components there are, what they need, and what loading them takes. */
export function QueryPage() {
  const { view: shown = 'find' } = route.useSearch()
  const identity = useIdentity()
  const mayQuery = useScope('query')
  return (
    <Page
      title="Query"
      aside={
        <nav aria-label="Ways to ask" className="flex rounded-md border border-line-strong bg-panel p-0.5">
          {views.map(({ view, name }) => (
            <Link
              key={view}
              from="/query"
              to="/query"
              search={(old) => ({ ...old, view: view === 'find' ? undefined : view })}
              activeOptions={{ exact: true, includeSearch: true }}
              className="rounded px-3 py-1 text-muted hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-ink"
            >
              {name}
            </Link>
          ))}
        </nav>
      }
    >
      {identity !== undefined && !mayQuery && <SignInHint what="Asking the query engine" scope="query" />}
      {shown === 'find' ? <FindView mayQuery={mayQuery} /> : <SqlView mayQuery={mayQuery} />}
    </Page>
  )
}
