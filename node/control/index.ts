export { controlRoutes, healthRoutes } from './routes.ts'
export type { ComponentQuery, ControlledNode, HealthCheck } from './types.ts'
