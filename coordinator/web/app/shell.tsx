import { useQuery } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { Monitor, Moon, Sun } from 'lucide-react'
import { Age } from '../components/age.tsx'
import { useLive } from './live.ts'
import { aboutQuery } from './queries.ts'
import { Search } from './search.tsx'
import { SignIn } from './sign-in.tsx'
import { setTheme, themes, useTheme } from './theme.ts'

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
        <nav aria-label="Pages" className="order-last -mx-1 w-full overflow-x-auto lg:order-none lg:w-auto">
          <ul className="flex gap-0.5">
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

function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className="size-6 text-accent">
      <path d="M9 8v16M23 8v16M9 16h14" fill="none" stroke="currentColor" strokeWidth="2.5" />
      {[9, 23].flatMap((x) =>
        [8, 24].map((y) => <circle key={`${x} ${y}`} cx={x} cy={y} r="3.5" fill="currentColor" />),
      )}
      <circle cx="16" cy="16" r="3.5" className="text-ready" fill="currentColor" />
    </svg>
  )
}

const themeIcons = { system: Monitor, light: Sun, dark: Moon }

function ThemeButton() {
  const theme = useTheme()
  const next = themes[(themes.indexOf(theme) + 1) % themes.length]!
  const Icon = themeIcons[theme]
  return (
    <button
      type="button"
      onClick={() => setTheme(next)}
      aria-label={`colours: ${theme}; change to ${next}`}
      title={`colours: ${theme}`}
      className="rounded-md p-1.5 text-muted hover:bg-raised hover:text-ink"
    >
      <Icon className="size-4" />
    </button>
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
