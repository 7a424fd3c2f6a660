import { expect, test } from 'vitest'
import { recordingConnection, serverError } from './fixtures/recording.ts'
import { probeProfile, probeTexts } from './profile.ts'

/** A server that answers the probes as told, and refuses the rest as one that does not know the feature. */
function server(answers: Readonly<Record<string, unknown>>) {
  return recordingConnection(({ text }) => {
    const name = Object.keys(probeTexts).find((key) => probeTexts[key] === text)!
    if (!Object.hasOwn(answers, name)) throw serverError(name === 'vectorType' ? 2715 : 102)
    const answer = answers[name]
    return { rows: [typeof answer === 'object' && answer !== null ? { ...answer } : { answer }] }
  })
}
const identity = (
  version: string,
  edition: string,
  engine_edition: number,
  banner = `Microsoft SQL Server ${version}`,
) => ({
  identity: { version, edition, engine_edition, banner },
})

test('profile: what a server refuses it has not, and every probe is rolled back', async () => {
  const { connection, log } = server(identity('15.0.4382.1', 'Standard Edition (64-bit)', 2))
  expect(await probeProfile(connection)).toEqual({
    product: 'SQL Server',
    version: '15.0.4382.1',
    edition: 'Standard Edition (64-bit)',
    isExpress: false,
    hasSnapshot: false,
    hasHistory: undefined,
    hasTemporal: false,
    hasPolicy: false,
    hasRowLevelSecurity: false,
    hasGraph: false,
    hasVectorType: false,
    hasVectorTables: false,
    vectorIndexVersion: undefined,
    hasJsonType: false,
    hasPreviewFeatures: false,
    hasFilestream: false,
    hasAgent: false,
    delayedDurability: 'DISABLED',
  })
  expect(log.filter((text) => text === 'rollback')).toHaveLength(Object.keys(probeTexts).length - 1)
  expect(log).not.toContain('commit')
})

test('profile: what a server answers counts, not its version', async () => {
  const has = {
    ...{
      snapshot: 1,
      durability: 'FORCED',
      history: 'temporal',
      policy: 1,
      rowLevelSecurity: 1,
      vectorType: '[1.0,2.0]',
    },
    ...{ vectorTables: 1, vectorIndex: '3', jsonType: 244, preview: 1, filestream: 0, agent: 1, temporal: 1, graph: 1 },
  }
  // Azure SQL calls itself version 12 and has what box products of version 17 lack.
  const azure = await probeProfile(server({ ...has, ...identity('12.0.2000.8', 'SQL Azure', 5) }).connection)
  expect(azure).toMatchObject({
    product: 'Azure SQL',
    hasSnapshot: true,
    hasHistory: 'temporal',
    hasPolicy: true,
    hasVectorType: true,
    hasVectorTables: true,
    vectorIndexVersion: 3,
    hasJsonType: true,
    hasGraph: true,
    hasFilestream: false,
    delayedDurability: 'FORCED',
  })
  const express = await probeProfile(
    server({ ...has, ...identity('17.0.900.7', 'Express Edition', 4), history: 'none' }).connection,
  )
  expect(express).toMatchObject({ isExpress: true, hasHistory: undefined, hasTemporal: true })
  const managed = await probeProfile(server(identity('12.0.2000.8', 'SQL Azure', 8)).connection)
  expect(managed.product).toBe('Azure SQL Managed Instance')
})

test('profile: Babelfish says who it is, and keeps history by a trigger', async () => {
  const banner = 'Babelfish for PostgreSQL with SQL Server Compatibility - 12.0.2000.8'
  const answers = { ...identity('12.0.2000.8', 'Standard', 3, banner), history: 'trigger', rowLevelSecurity: 1 }
  expect(await probeProfile(server(answers).connection)).toMatchObject({
    product: 'Babelfish',
    hasHistory: 'trigger',
    hasTemporal: false,
    hasRowLevelSecurity: false,
  })
})

test('profile: a server that cannot be asked at all is an error', async () => {
  const { connection } = recordingConnection(() => {
    throw serverError(18_456)
  })
  await expect(probeProfile(connection)).rejects.toMatchObject({ number: 18_456 })
})
