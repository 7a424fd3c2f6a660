/** What every engine of the shard store must do. Each engine's test calls this with a way to open an empty store. */
import { describe } from 'vitest'
import { apiKeyCompliance } from './compliance/api-keys.ts'
import { chainEventCompliance } from './compliance/chain-events.ts'
import { checkpointCompliance } from './compliance/checkpoints.ts'
import { componentCompliance } from './compliance/components.ts'
import { documentCompliance } from './compliance/documents.ts'
import { embeddingCompliance } from './compliance/embeddings.ts'
import { holdingCompliance } from './compliance/holdings.ts'
import { jobCompliance } from './compliance/jobs.ts'
import { ledgerCompliance } from './compliance/ledger.ts'
import { modelCompliance } from './compliance/models.ts'
import { outboxCompliance } from './compliance/outbox.ts'
import { releaseCompliance } from './compliance/releases.ts'
import { settingCompliance } from './compliance/settings.ts'
import type { OpenStore } from './compliance/setup.ts'
import { tenantCompliance } from './compliance/tenants.ts'
import { totalCompliance } from './compliance/totals.ts'

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
    jobCompliance(open)
    apiKeyCompliance(open)
    documentCompliance(open)
    checkpointCompliance(open)
    tenantCompliance(open)
    totalCompliance(open)
  })
}
