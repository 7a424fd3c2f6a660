/** The owner's allow and block lists as placement reads them. */
import type { Config } from './schema.ts'

export function policyOf(config: Config) {
  const list = (what: 'models' | 'publishers' | 'licences') => ({
    allow: config[`policy.${what}.allow`],
    block: config[`policy.${what}.block`],
  })
  return { models: list('models'), publishers: list('publishers'), licences: list('licences') }
}
