export type {
  GatewayAnswer,
  GatewayBackend,
  GatewayEmbedRequest,
  GatewayModel,
  GatewayObservation,
  GatewayRequest,
} from './backend.ts'
export { sendError } from './errors.ts'
export { startHttpSpan } from './http-span.ts'
export { hasOwnOrigin, isLoopbackAddress } from './loopback-guard.ts'
export { openAiGateway } from './openai.ts'
export { type CallerRequest, type OwnerAuth, openOwnerAuth } from './owner-auth.ts'
export { pageRoutes } from './pages.ts'
export { createHttpServer, type HttpServer, type HttpServerOptions, ownerOnly } from './server.ts'
