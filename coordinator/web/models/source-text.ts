import type { Source } from '#protocol/api/network.ts'

/** Where a figure comes from, in words. */
export const sourceTexts: Readonly<Record<Source, string>> = {
  lease: 'from the leases that nodes renew',
  dht: 'from a signed release that was found in the DHT',
  chain: 'read from the chain',
  probe: 'measured by a probe',
  own: "of the coordinator's own node",
}
