/** Signing in over HTTP, and what one is taken for. Keys of programs are made over `/api/v1/keys`, a route of the API. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import type { TenantId } from '#sql/store/index.ts'
import type { Identity } from '../identity.ts'
import type { CoordinatorAuth } from './auth.ts'
import type { QuotaUsage } from './quota.ts'
import { signInCharactersMax } from './wallet/message.ts'
import type { WalletSignIn } from './wallet/sign-in.ts'

const signInRequest = z.strictObject({
  message: z.string().min(1).max(signInCharactersMax),
  signature: z.string().min(1).max(132).describe('0x and the signature of personal_sign.'),
})

/** An identity as its owner may see it. */
interface IdentityView extends Omit<Identity, 'scopes'> {
  scopes: string[]
  /** Absent for whom nothing is limited. */
  quota?: QuotaUsage
}

/** Undefined for a tenant without limits. */
type UsageOf = (tenant: TenantId) => Promise<QuotaUsage | undefined>

export function authRoutes(app: FastifyInstance, auth: CoordinatorAuth, usageOf: UsageOf): void {
  app.post('/api/v1/auth/siwe/nonce', async (_request, reply) => {
    void reply.header('cache-control', 'no-store')
    return walletsOf(auth).challenge()
  })
  app.post('/api/v1/auth/siwe', async (request, reply) => {
    const wallets = walletsOf(auth)
    const body = signInRequest.safeParse(request.body)
    if (!body.success) throw new HartonomousError('ERR_USAGE', { message: z.prettifyError(body.error).slice(0, 300) })
    const { token, expiresAtMs, identity } = await auth.signIn(request, wallets, body.data)
    void reply.header('cache-control', 'no-store')
    return { token, expiresAtMs, identity: await viewOf(identity, usageOf) }
  })
  app.get('/api/v1/auth/me', async (request, reply) => {
    const identity = await auth.identify(request)
    void reply.header('cache-control', 'no-store')
    return viewOf(identity, usageOf)
  })
}

function walletsOf(auth: CoordinatorAuth): WalletSignIn {
  if (auth.wallets !== undefined) return auth.wallets
  throw new HartonomousError('ERR_FORBIDDEN', {
    action: 'signing in with a wallet',
    reason: 'auth.wallets is not set at this coordinator',
  })
}

async function viewOf(identity: Identity, usageOf: UsageOf): Promise<IdentityView> {
  const quota = await usageOf(identity.tenant)
  return { ...identity, scopes: [...identity.scopes], ...(quota === undefined ? {} : { quota }) }
}
