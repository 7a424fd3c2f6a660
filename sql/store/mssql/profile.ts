/** What a server can do, found by trying: versions lie (Azure SQL calls itself 12.0), editions and settings differ. */
import type { Connection, ServerRow } from './connection.ts'
import { plainBatch } from './connection.ts'

export interface MssqlProfile {
  product: 'SQL Server' | 'Azure SQL' | 'Azure SQL Managed Instance' | 'Babelfish'
  version: string
  edition: string
  isExpress: boolean
  /** Reads see one state without waiting for writers. */
  hasSnapshot: boolean
  /** How former states of components are kept: by the server, by a trigger, or not yet decided (no tables). */
  hasHistory: 'temporal' | 'trigger' | undefined
  hasTemporal: boolean
  /** Our row-level policy is on. */
  hasPolicy: boolean
  hasRowLevelSecurity: boolean
  hasGraph: boolean
  hasVectorType: boolean
  /** Our tables with it are there. */
  hasVectorTables: boolean
  /** Version of the vector indexes of this server, where one exists to be asked; only 3 takes writes. */
  vectorIndexVersion: number | undefined
  hasJsonType: boolean
  hasPreviewFeatures: boolean
  hasFilestream: boolean
  /** Change data capture needs the Agent. */
  hasAgent: boolean
  /** `FORCED`: a commit does not wait for the disk unless the log is flushed. */
  delayedDurability: 'DISABLED' | 'ALLOWED' | 'FORCED'
}

const identitySql = `SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)) AS version,
  CAST(SERVERPROPERTY('Edition') AS NVARCHAR(128)) AS edition,
  CAST(SERVERPROPERTY('EngineEdition') AS INT) AS engine_edition,
  CAST(@@VERSION AS NVARCHAR(400)) AS banner`

/** One batch each: what does not parse fails its whole batch. All but the last two only read. */
const probes = {
  snapshot: `SELECT CAST(snapshot_isolation_state AS INT) AS answer FROM sys.databases WHERE name = DB_NAME()`,
  durability: `SELECT CAST(delayed_durability_desc AS NVARCHAR(60)) AS answer FROM sys.databases WHERE name = DB_NAME()`,
  history: `SELECT CASE WHEN OBJECT_ID(N'shard.component') IS NULL THEN N'none'
    WHEN OBJECTPROPERTY(OBJECT_ID(N'shard.component'), 'TableTemporalType') = 2 THEN N'temporal'
    ELSE N'trigger' END AS answer`,
  policy: `SELECT COUNT(*) AS answer FROM sys.security_policies p
    WHERE p.object_id = OBJECT_ID(N'shard.tenant_policy') AND p.is_enabled = 1`,
  rowLevelSecurity: `SELECT 1 + COUNT(*) AS answer FROM sys.security_policies`,
  vectorType: `SELECT CAST(CAST(CAST('[1,2]' AS VECTOR(2)) AS VARCHAR(100)) AS NVARCHAR(100)) AS answer`,
  vectorTables: `SELECT CASE WHEN OBJECT_ID(N'shard.vector_progress', N'U') IS NULL THEN 0 ELSE 1 END AS answer`,
  vectorIndex: `SELECT MAX(CAST(JSON_VALUE(build_parameters, '$.Version') AS INT)) AS answer FROM sys.vector_indexes`,
  jsonType: `SELECT TYPE_ID(N'json') AS answer`,
  preview: `SELECT CAST(value AS INT) AS answer FROM sys.database_scoped_configurations WHERE name = N'PREVIEW_FEATURES'`,
  filestream: `SELECT CAST(SERVERPROPERTY('FilestreamEffectiveLevel') AS INT) AS answer`,
  agent: `SELECT COUNT(*) AS answer FROM sys.dm_server_services WHERE servicename LIKE N'%Agent%' AND status = 4`,
  temporal: `CREATE TABLE shard_probe_temporal(id INT NOT NULL PRIMARY KEY, a DATETIME2 GENERATED ALWAYS AS ROW START NOT NULL,
    b DATETIME2 GENERATED ALWAYS AS ROW END NOT NULL, PERIOD FOR SYSTEM_TIME (a, b));
SELECT 1 AS answer`,
  graph: `CREATE TABLE shard_probe_graph(id INT NOT NULL) AS NODE;
SELECT 1 AS answer`,
} as const

type ProbeName = keyof typeof probes
export const probeTexts: Readonly<Record<string, string>> = { identity: identitySql, ...probes }

/** Tables that a probe makes are rolled back. @throws what the driver throws when the server cannot be asked at all */
export async function probeProfile(connection: Connection): Promise<MssqlProfile> {
  const [identity = {}] = (await connection.query(plainBatch(identitySql))).rows
  const answers = {} as Record<ProbeName, unknown>
  for (const name of Object.keys(probes) as ProbeName[]) answers[name] = await probe(connection, name)
  const isBabelfish = textOf(identity, 'banner').includes('Babelfish')
  const isOn = (name: ProbeName) => Number(answers[name] ?? 0) > 0
  const indexVersion = Number(answers.vectorIndex ?? 0)
  return {
    product: isBabelfish ? 'Babelfish' : productOf(Number(identity['engine_edition'])),
    version: textOf(identity, 'version'),
    edition: textOf(identity, 'edition'),
    isExpress: Number(identity['engine_edition']) === 4,
    hasSnapshot: Number(answers.snapshot ?? 0) === 1,
    hasHistory: answers.history === 'temporal' || answers.history === 'trigger' ? answers.history : undefined,
    hasTemporal: isOn('temporal'),
    hasPolicy: isOn('policy'),
    hasRowLevelSecurity: isOn('rowLevelSecurity') && !isBabelfish,
    hasGraph: isOn('graph'),
    hasVectorType: answers.vectorType !== undefined && answers.vectorType !== null,
    hasVectorTables: isOn('vectorTables'),
    vectorIndexVersion: indexVersion > 0 ? indexVersion : undefined,
    hasJsonType: answers.jsonType !== undefined && answers.jsonType !== null,
    hasPreviewFeatures: isOn('preview'),
    hasFilestream: isOn('filestream'),
    hasAgent: isOn('agent'),
    delayedDurability: durabilityOf(answers.durability),
  }
}

/** `undefined` where the server refuses the question: it does not know the feature, or does not let us look. */
async function probe(connection: Connection, name: ProbeName): Promise<unknown> {
  const transaction = await connection.begin('readCommitted')
  try {
    return (await transaction.query(plainBatch(probes[name]))).rows[0]?.['answer']
  } catch {
    return undefined
  } finally {
    await transaction.rollback()
  }
}

/** Of SERVERPROPERTY('EngineEdition'): 5 is Azure SQL Database, 8 Managed Instance, 12 Fabric. Names only, decides nothing. */
function productOf(engineEdition: number): MssqlProfile['product'] {
  if (engineEdition === 8) return 'Azure SQL Managed Instance'
  return engineEdition === 5 || engineEdition === 12 ? 'Azure SQL' : 'SQL Server'
}

function durabilityOf(answer: unknown): MssqlProfile['delayedDurability'] {
  return answer === 'ALLOWED' || answer === 'FORCED' ? answer : 'DISABLED'
}

function textOf(row: ServerRow, name: string): string {
  return typeof row[name] === 'string' ? row[name] : ''
}
