/** What every engine of the shard store must do. Each engine's test calls this with a way to open an empty store. */
import { describe } from 'vitest'
import { chainEventCompliance } from './compliance/chain-events.ts'
import { componentCompliance } from './compliance/components.ts'
import { embeddingCompliance } from './compliance/embeddings.ts'
import { holdingCompliance } from './compliance/holdings.ts'
import { ledgerCompliance } from './compliance/ledger.ts'
import { modelCompliance } from './compliance/models.ts'
import { outboxCompliance } from './compliance/outbox.ts'
import { releaseCompliance } from './compliance/releases.ts'
import { settingCompliance } from './compliance/settings.ts'
import type { OpenStore } from './compliance/setup.ts'
import { tenantCompliance } from './compliance/tenants.ts'

export type { OpenStore, StoreSetup } from './compliance/setup.ts'

export function shardStoreCompliance(name: string, open: OpenStore): void {
  describe(name, () => {
    modelCompliance(open)
    holdingCompliance(open)
    componentCompliance(open)
    embeddingCompliance(open)
    releaseCompliance(open)
    settingCompliance(open)
    outboxCompliance(open)
    ledgerCompliance(open)
    chainEventCompliance(open)
    tenantCompliance(open)
  })
}
