import { useQuery } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { Age } from '../components/age.tsx'
import { Logo } from '../components/logo.tsx'
import { useLive } from './live.ts'
import { aboutQuery } from './queries.ts'
import { Search } from './search.tsx'
import { SignIn } from './sign-in.tsx'
import { ThemeButton } from './theme-button.tsx'

const places = [
  { to: '/', name: 'Network' },
  { to: '/models', name: 'Models' },
  { to: '/query', name: 'Query' },
  { to: '/play', name: 'Play' },
  { to: '/jobs', name: 'Jobs' },
  { to: '/designer', name: 'Designer' },
  { to: '/stake', name: 'Stake' },
  { to: '/my-node', name: 'My node' },
] as const

/** What stands around every page. */
export function Shell() {
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#page"
        className="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:rounded focus:bg-panel focus:p-2"
      >
        Skip to the page
      </a>
      <header className="flex flex-wrap items-center gap-x-5 gap-y-2 border-b border-line bg-panel px-3 py-2">
        <Link to="/" className="flex items-center gap-2 font-semibold">
          <Logo />
          Hartonomous
        </Link>
        <nav aria-label="Pages" className="order-last -mx-1 w-full lg:order-none lg:w-auto">
          <ul className="flex flex-wrap gap-0.5">
            {places.map(({ to, name }) => (
              <li key={to}>
                <Link
                  to={to}
                  activeOptions={{ exact: to === '/', includeSearch: false }}
                  className="block rounded-md px-2 py-1 whitespace-nowrap text-muted hover:bg-raised hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-ink"
                >
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="ml-auto flex items-center gap-2">
          <Search />
          <ThemeButton />
          <SignIn />
        </div>
      </header>
      <Connection />
      <main id="page" className="flex-1">
        <Outlet />
      </main>
      <Footer />
    </div>
  )
}

/** Shown only while the stream of events is lost: all figures below keep their age. */
function Connection() {
  const { isConnected, sinceMs } = useLive()
  return (
    <div role="status">
      {!isConnected && (
        <p className="border-b border-warn bg-warn-soft px-3 py-1 text-[13px]">
          Not connected to the coordinator <Age atMs={sinceMs} prefix="since " />. What you see is as it was then; it is
          tried again by itself.
        </p>
      )}
    </div>
  )
}

function Footer() {
  const { isConnected } = useLive()
  const { data } = useQuery(aboutQuery)
  return (
    <footer className="flex flex-wrap gap-x-5 gap-y-1 border-t border-line px-3 py-2 text-[13px] text-muted">
      <span>{isConnected ? 'live' : 'not connected'}</span>
      {data !== undefined && <span title={data.peerId}>coordinator {data.version}</span>}
      <a className="underline" href="/docs">
        API
      </a>
      <a className="underline" href="/api/v1/network/snapshot">
        this network as JSON
      </a>
    </footer>
  )
}
