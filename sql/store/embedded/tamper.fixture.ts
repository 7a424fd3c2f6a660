/** What somebody can do to a ledger who has its file while no node uses it: the guards against changes are taken away first. */
import { DatabaseSync } from 'node:sqlite'

export function tamperWithLedger(path: string, change: string): void {
  const database = new DatabaseSync(path)
  try {
    for (const trigger of ['ledger_not_changed', 'ledger_not_removed']) database.exec(`drop trigger ${trigger}`)
    database.exec(change)
  } finally {
    database.close()
  }
}
