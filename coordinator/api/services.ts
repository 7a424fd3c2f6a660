/** What stands behind the faces of the coordinator. */
import type { FastifyRequest } from 'fastify'
import type { Tracer } from '#node/telemetry/index.ts'
import type { OutputOf } from '#protocol/api/routes/index.ts'
import type { Identity } from '../identity.ts'
import type {
  ApiKeyService,
  ChainService,
  ConstitutionService,
  JobService,
  OwnNode,
  RegistryService,
  WorkflowService,
} from '../service.ts'
import type { ChangeFeed } from './events/change-feed.ts'

export interface ApiServices {
  jobs: JobService
  registry: RegistryService
  chain: ChainService
  workflows: WorkflowService
  keys: ApiKeyService
  constitution: ConstitutionService
  node: OwnNode
  changes: ChangeFeed
  /** Each request is a span, that of its caller's trace where it names one. */
  tracer: Tracer
  /** Who calls. @throws {ERR_AUTH} {ERR_QUOTA} */
  identify: (request: FastifyRequest) => Promise<Identity>
  /** Which coordinator this is. */
  about: () => OutputOf<'about'>
  /** What must hold besides the own node's checks. */
  checks?: () => Promise<{ name: string; ok: boolean; reason?: string }[]>
  /** Prometheus text besides the own node's. */
  metrics?: () => Promise<string>
}
