/** Settings that the owner of a running node may change over its control API, and when each takes effect. */
import type { SettingKey } from './schema.ts'

/**
 * `now`: what begins from then on goes by it. Not here is what names files, addresses, keys or owners: who has an owner's
 * session in a browser can change how much the node gives, but neither what it listens on nor who is paid.
 */
export const changeableSettings = {
  'data.uploadRate': 'now',
  'data.downloadRate': 'now',
  schedule: 'now',
  'pledge.disk': 'now',
  'policy.models.allow': 'now',
  'policy.models.block': 'now',
  'policy.publishers.allow': 'now',
  'policy.publishers.block': 'now',
  'policy.licences.allow': 'now',
  'policy.licences.block': 'now',
  'policy.queries': 'now',
  'inference.forPeers': 'now',
  'inference.slots': 'restart',
  'payment.pricePerGiB': 'now',
  'payment.pricePerKiloToken': 'now',
  'payment.maxPricePerGiB': 'now',
  'payment.maxPricePerKiloToken': 'now',
  region: 'now',
} as const satisfies Partial<Record<SettingKey, 'now' | 'restart'>>

export type ChangeableKey = keyof typeof changeableSettings

export function isChangeable(key: string): key is ChangeableKey {
  return Object.hasOwn(changeableSettings, key)
}
