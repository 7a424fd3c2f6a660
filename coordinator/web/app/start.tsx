/** What both pages begin with. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { isHartonomousError } from '#protocol/errors.ts'
import './theme.ts'

const retriesMax = 2

export function start(page: ReactNode): QueryClient {
  const queries = new QueryClient({
    defaultOptions: {
      queries: {
        // What the server answered it would answer again; what did not reach it may.
        retry: (failures, error) => !isHartonomousError(error) && failures < retriesMax,
        refetchOnWindowFocus: false,
      },
    },
  })
  createRoot(document.getElementById('root')!).render(
    <StrictMode>
      <QueryClientProvider client={queries}>{page}</QueryClientProvider>
    </StrictMode>,
  )
  return queries
}
