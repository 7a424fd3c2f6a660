export { controlRoutes, healthRoutes } from './routes.ts'
export type { ComponentQuery, ControlledNode, ControlledQueries, HealthCheck, TensorQuery } from './types.ts'
