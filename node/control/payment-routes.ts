/** Routes of payment: what was earned, and what of it can be claimed. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { claimRequest, earningsHistoryQuery } from '#protocol/api/earnings.ts'
import { controlRoutes } from '#protocol/api/routes/control.ts'
import { parseBody } from './request.ts'
import type { ControlledPayment } from './types.ts'

const earningsQuery = z.object({ verify: z.enum(['true', 'false']).optional() })

export function paymentRoutes(app: FastifyInstance, payment: ControlledPayment): void {
  app.get(controlRoutes.earnings.path, async (request) => {
    const { verify } = parseBody(earningsQuery, request.query)
    return payment.earnings(verify === 'true')
  })
  app.get(controlRoutes.earningsHistory.path, async (request) =>
    payment.history(parseBody(earningsHistoryQuery, request.query)),
  )
  app.get('/api/v1/earnings/claimable', async () => payment.claimable())
  app.get('/api/v1/balance', async () => payment.balance())
  app.post('/api/v1/earnings/claims', async (request) => ({
    claims: await payment.claim(parseBody(claimRequest, request.body ?? {})),
  }))
}
