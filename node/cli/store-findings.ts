/** What `hart doctor` says of a shard in SQL Server. */
import { isHartonomousError } from '#protocol/errors.ts'
import type { MssqlProfile } from '#sql/store/mssql/profile.ts'
import { type Config, storageOf } from '../config/index.ts'

export interface Finding {
  check: string
  level: 'ok' | 'note' | 'fail'
  text: string
  remedy?: string
}

/** None for the database of our own. */
export async function checkStore(
  config: Config,
  dataDir: string,
  environment: Record<string, string | undefined>,
): Promise<Finding[]> {
  try {
    const options = await storageOf(config, dataDir, environment)
    if (!('url' in options)) return []
    const { probeMssql } = await import('#sql/store/mssql/index.ts')
    return profileFindings(await probeMssql(options))
  } catch (error) {
    if (!isHartonomousError(error)) throw error
    const remedy = 'hart config show storage; docs/guides/sql-server.md'
    return [{ check: 'store', level: 'fail', text: error.message, remedy }]
  }
}

export function profileFindings(profile: MssqlProfile): Finding[] {
  const ok = (text: string): Finding => ({ check: 'store', level: 'ok', text })
  const note = (text: string, remedy: string): Finding => ({ check: 'store', level: 'note', text, remedy })
  const { vectorIndexVersion: index, hasHistory: history } = profile
  const has = (name: string, is: boolean) => `${name} ${is ? 'yes' : 'no'}`
  const vectorIndex =
    index === undefined ? 'none to be asked' : index === 3 ? 'version 3' : `version ${index}, read-only`
  const findings = [
    ok(`${profile.product} ${profile.version}, ${profile.edition}`),
    ok(
      [
        `history ${history ?? (profile.hasTemporal ? 'temporal' : 'trigger')}${history === undefined ? ' (no tables yet)' : ''}`,
        has('row-level policy', profile.hasPolicy),
        has('graph tables', profile.hasGraph),
        has('json type', profile.hasJsonType),
        `VECTOR ${profile.hasVectorTables ? 'used' : profile.hasVectorType ? 'yes' : 'no'}`,
        `vector index ${vectorIndex}`,
        has('preview features', profile.hasPreviewFeatures),
        has('FILESTREAM', profile.hasFilestream),
        has('Agent', profile.hasAgent),
      ].join(', '),
    ),
  ]
  const snapshots = 'ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON'
  findings.push(
    profile.hasSnapshot ? ok('readers never wait for writers') : note('readers wait for writers', snapshots),
  )
  if (profile.isExpress)
    findings.push(
      note('Express: the size of a database is bounded, there is no Agent', 'watch its size; move to another edition'),
    )
  if (profile.delayedDurability === 'FORCED')
    findings.push(
      note(
        'commits are forced to be lazy; durable ones flush the log, which is slow',
        'ALTER DATABASE CURRENT SET DELAYED_DURABILITY = ALLOWED',
      ),
    )
  return findings
}
