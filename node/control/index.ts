export { controlRoutes, healthRoutes } from './routes.ts'
export type { ComponentQuery, ControlledNode, ControlledQueries, HealthCheck } from './types.ts'
