/** What `hart doctor` says of the paid side of a node: its ledger, and the chain that it is on. */
import { stat } from 'node:fs/promises'
import type { EarningsView } from '#protocol/api/earnings.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { formatHart } from '#protocol/hart.ts'
import { checksumAddress, loadHotKey } from '../chain/index.ts'
import { type Config, dataFiles } from '../config/index.ts'
import { localOwner } from '../runtime/parts.ts'
import type { ControlClient } from './client.ts'
import type { Finding } from './store-findings.ts'
import { loadChain } from './transactions.ts'

/** What one claim takes at least: the transaction and a voucher. */
const claimGas = 150_000n

/** Of a running node, or of its file while nobody uses it. Nothing where there is no ledger yet. */
export async function checkLedger(
  config: Config,
  dataDir: string,
  client: ControlClient | undefined,
): Promise<Finding[]> {
  const ledger = client === undefined ? await ledgerOf(config, dataDir) : await askLedger(client)
  if (ledger === undefined || (ledger.entryCount === 0 && ledger.problem === undefined)) return []
  if (ledger.problem === undefined)
    return [{ check: 'ledger', level: 'ok', text: `${ledger.entryCount} entries, each follows from the one before it` }]
  const remedy = 'hart earnings --verify names what is wrong; restore the data folder from a backup'
  return [{ check: 'ledger', level: 'fail', text: ledger.problem, remedy }]
}

async function askLedger(client: ControlClient): Promise<EarningsView['ledger']> {
  return (await client.get<EarningsView>('/api/v1/earnings')).ledger
}

async function ledgerOf(config: Config, dataDir: string): Promise<EarningsView['ledger'] | undefined> {
  const path = dataFiles.database(dataDir)
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  // One in SQL Server is checked by its node.
  if (!isThere || config['storage.url'] !== '') return undefined
  const { openEmbeddedStore } = await import('#sql/store/index.ts')
  const store = await openEmbeddedStore({ path })
  try {
    const { entryCount, head, damaged } = await store.forTenant(localOwner).checkLedger()
    const problem = damaged === undefined ? {} : { problem: `entry ${damaged.seq}: ${damaged.reason}` }
    return { entryCount, head: Buffer.from(head).toString('hex'), ...problem }
  } finally {
    await store.close()
  }
}

/** Chain id, code and wiring of the contracts, and ether for gas. Nothing where no chain is set. */
export async function checkChain(config: Config, dataDir: string): Promise<Finding[]> {
  const rpcUrl = config['chain.rpc']
  if (rpcUrl === '') return []
  try {
    const { openConfiguredChain } = await loadChain()
    const addressBook = config['chain.addressBook'] || dataFiles.addressBook(dataDir)
    const chain = await openConfiguredChain({ rpcUrl, addressBook })
    try {
      const text = `chain ${chain.chainId} has the contracts of the address book`
      const findings: Finding[] = [{ check: 'chain', level: 'ok', text }]
      const hot = await loadHotKey(dataDir)
      if (hot === undefined || !config['payment.claim']) return findings
      const [etherWei, { gasPrice }] = await Promise.all([
        chain.provider.getBalance(hot.address),
        chain.provider.getFeeData(),
      ])
      const claims = etherWei / (claimGas * (gasPrice ?? 1n) || 1n)
      const address = checksumAddress(hot.address)
      // Ether has as many digits as HART.
      const has = `the hot key ${address} has ${formatHart(etherWei)} ether`
      if (claims > 0n) return [...findings, { check: 'gas', level: 'ok', text: `${has}, enough for ${claims} claims` }]
      const remedy = `send ether to ${address}, or hart config set payment.claim false and claim with another wallet`
      return [...findings, { check: 'gas', level: 'fail', text: `${has}, too little for a claim`, remedy }]
    } finally {
      await chain.close()
    }
  } catch (error) {
    if (!isHartonomousError(error)) throw error
    return [{ check: 'chain', level: 'fail', text: error.message, remedy: remedyOf(error.code) }]
  }
}

function remedyOf(code: string): string {
  if (code === 'ERR_CHAIN_UNAVAILABLE') return 'start the chain, or hart config set chain.rpc URL'
  if (code === 'ERR_CHAIN_WRONG') return 'hart config set chain.rpc URL of the chain that the address book is for'
  return 'hart config show chain'
}
