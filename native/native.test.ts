import { test } from 'vitest'
import { complianceSuite } from './compliance.ts'
import { fallback } from './fallback/index.ts'
import { loadAddon } from './load.ts'

complianceSuite('the fallback', fallback)

const addon = loadAddon()
if (addon?.implementation === 'addon') complianceSuite('the addon', addon.binding)
else
  test.skip(`native: the addon holds to the contract (skipped: ${addon?.reason ?? 'none was built here; npm run build:native'})`, () => {})
