/** Who calls a coordinator, and how much of it each may use. What comes of it is an `Identity`. */
export type { AuthAudit } from './audit.ts'
export { type AuthOptions, type CoordinatorAuth, openAuth } from './auth.ts'
export { type AuthConfig, authConfig } from './config.ts'
export type { Held, QuotaLimits, QuotaUsage, TenantQuotas } from './quota.ts'
export { authRoutes } from './routes.ts'
export { assertScope } from './scope.ts'
export { coordinatorTenant } from './tenant.ts'
