/** All pages by their paths. Each is loaded when it is opened first; what an address keeps is checked here. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { designerSearch } from '../designer/search.ts'
import { jobsSearch } from '../jobs/search.ts'
import { modelSearch, modelsSearch } from '../models/search.ts'
import { networkSearch } from '../network/search.ts'
import { nodesSearch } from '../nodes/search.ts'
import { playSearch } from '../play/search.ts'
import { querySearch } from '../query/search.ts'
import { stakeSearch } from '../stake/search.ts'
import { NotFound } from './not-found.tsx'
import { PageError } from './page-error.tsx'
import { Shell } from './shell.tsx'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })

const network = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: networkSearch,
  component: lazyRouteComponent(() => import('../network/network-page.tsx'), 'NetworkPage'),
})
const node = createRoute({
  getParentRoute: () => root,
  path: '/nodes/$peerId',
  validateSearch: nodesSearch,
  component: lazyRouteComponent(() => import('../nodes/node-page.tsx'), 'NodePage'),
})
const models = createRoute({
  getParentRoute: () => root,
  path: '/models',
  validateSearch: modelsSearch,
  component: lazyRouteComponent(() => import('../models/models-page.tsx'), 'ModelsPage'),
})
const model = createRoute({
  getParentRoute: () => root,
  path: '/models/$model',
  validateSearch: modelSearch,
  component: lazyRouteComponent(() => import('../models/model-page.tsx'), 'ModelPage'),
})
const query = createRoute({
  getParentRoute: () => root,
  path: '/query',
  validateSearch: querySearch,
  component: lazyRouteComponent(() => import('../query/query-page.tsx'), 'QueryPage'),
})
const play = createRoute({
  getParentRoute: () => root,
  path: '/play',
  validateSearch: playSearch,
  component: lazyRouteComponent(() => import('../play/play-page.tsx'), 'PlayPage'),
})
const jobs = createRoute({
  getParentRoute: () => root,
  path: '/jobs',
  validateSearch: jobsSearch,
  component: lazyRouteComponent(() => import('../jobs/jobs-page.tsx'), 'JobsPage'),
})
const job = createRoute({
  getParentRoute: () => root,
  path: '/jobs/$jobId',
  validateSearch: jobsSearch,
  component: lazyRouteComponent(() => import('../jobs/job-page.tsx'), 'JobPage'),
})
const designer = createRoute({
  getParentRoute: () => root,
  path: '/designer',
  validateSearch: designerSearch,
  component: lazyRouteComponent(() => import('../designer/designer-page.tsx'), 'DesignerPage'),
})
const stake = createRoute({
  getParentRoute: () => root,
  path: '/stake',
  validateSearch: stakeSearch,
  component: lazyRouteComponent(() => import('../stake/stake-page.tsx'), 'StakePage'),
})
const myNode = createRoute({
  getParentRoute: () => root,
  path: '/my-node',
  component: lazyRouteComponent(() => import('../my-node/my-node-link.tsx'), 'MyNodeLink'),
})

export function createPages() {
  return createRouter({
    routeTree: root.addChildren([network, node, models, model, query, play, jobs, job, designer, stake, myNode]),
    defaultErrorComponent: PageError,
    defaultPreload: 'intent',
    scrollRestoration: true,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createPages>
  }
}
