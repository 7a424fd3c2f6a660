/** What a tenant keeps at a coordinator, counted in the transactions that change it. */
import type { TenantSession } from './executor.ts'
import type { TenantTotal } from './job.ts'

export async function getTotal(x: TenantSession): Promise<TenantTotal> {
  const total = await x.get('findTotal', {})
  return { openJobs: total?.openJobs ?? 0, storedBytes: total?.storedBytes ?? 0 }
}

export async function addToTotal(x: TenantSession, more: TenantTotal): Promise<void> {
  if (more.openJobs !== 0 || more.storedBytes !== 0) await x.run('addToTotal', more)
}
