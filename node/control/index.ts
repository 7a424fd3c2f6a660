export { controlRoutes, healthRoutes } from './routes.ts'
export type { ComponentQuery, ControlledNode, HealthCheck, TensorQuery } from './types.ts'
