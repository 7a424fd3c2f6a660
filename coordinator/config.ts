/** `DATA/coordinator.json`: what a coordinator is told beside the settings of its node. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { HartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import { authConfig } from './auth/config.ts'

const hart = z.string().refine((text) => {
  try {
    parseHart(text)
    return true
  } catch {
    return false
  }
}, 'an amount of HART, such as "0.5"')

const coordinatorConfig = z.strictObject({
  auth: authConfig.prefault({}),
  jobs: z
    .strictObject({
      priceMax: hart.default('10').describe('HART that one job may cost at most, whatever its terms say.'),
      keepDays: z.int().min(1).max(3650).default(30).describe('Jobs that have ended are removed after this.'),
    })
    .prefault({}),
  workflows: z
    .strictObject({
      folders: z.array(z.string().min(1).max(4096)).max(64).default([]).describe('That read-folder may read.'),
    })
    .prefault({}),
})
export type CoordinatorConfig = z.infer<typeof coordinatorConfig>

/** Defaults where there is no file. @throws {ERR_CONFIG} */
export async function readCoordinatorConfig(path: string): Promise<CoordinatorConfig> {
  const refuse = (reason: string, cause?: unknown) =>
    new HartonomousError('ERR_CONFIG', { key: path, reason }, { cause })
  let text = '{}'
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw refuse((error as Error).message, error)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refuse((error as Error).message, error)
  }
  const parsed = coordinatorConfig.safeParse(value)
  if (parsed.success) return parsed.data
  throw refuse(z.prettifyError(parsed.error).slice(0, 500))
}
