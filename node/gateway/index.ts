export type {
  GatewayAnswer,
  GatewayBackend,
  GatewayEmbedRequest,
  GatewayModel,
  GatewayObservation,
  GatewayRequest,
} from './backend.ts'
export { openAiGateway } from './openai.ts'
export { type OwnerAuth, openOwnerAuth } from './owner-auth.ts'
export { createHttpServer, type HttpServer, type HttpServerOptions, ownerOnly } from './server.ts'
