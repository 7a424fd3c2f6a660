export { controlRoutes, healthRoutes } from './routes.ts'
export type {
  ComponentQuery,
  ControlledNode,
  ControlledPayment,
  ControlledQueries,
  HealthCheck,
  TensorQuery,
} from './types.ts'
