/**
 * The pages of the explorer, as the bootstrap built them from `coordinator/web`: static files, the same for everybody. They
 * hold no data: what they show comes over the API, under the rights of whoever looks.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { day } from '#protocol/units.ts'

export const pagesFolder = fileURLToPath(new URL('../../coordinator/web/dist', import.meta.url))

/** No inline code, nothing of third parties, no frames. `data:` is for the icons that wallets announce. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export interface PagesOptions {
  /** Of `pagesFolder`. */
  file: 'index.html' | 'my-node.html'
  /** Whose paths it answers; what stands behind them is the page's own business. */
  paths: readonly string[]
  folder?: string
}

/** Names of assets hold the hash of what is in them, so browsers keep them for good; the page itself is asked for each time. */
export async function pageRoutes(app: FastifyInstance, options: PagesOptions): Promise<void> {
  const { file, paths, folder = pagesFolder } = options
  for (const path of paths) {
    app.get(path, async (_request, reply) => {
      void reply.headers({
        'content-security-policy': contentSecurityPolicy,
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      })
      // Read each time: a page names the assets of its build, and there may be a newer one.
      const html = await readFile(join(folder, file)).catch(() => undefined)
      if (html !== undefined) return reply.type('text/html; charset=utf-8').send(html)
      const text = 'The pages have not been built: npm run build:web builds them. The API works without them.\n'
      return reply.code(503).type('text/plain; charset=utf-8').send(text)
    })
  }
  if (!existsSync(join(folder, 'assets'))) return
  await app.register(fastifyStatic, {
    root: join(folder, 'assets'),
    prefix: '/assets/',
    immutable: true,
    maxAge: 365 * day,
    preCompressed: true,
    index: false,
  })
}
