import { expect, test } from 'vitest'
import { plainProfile } from '#sql/store/mssql/fixtures/transcribed.ts'
import { resolveConfig } from '../config/index.ts'
import { checkStore, profileFindings } from './store-findings.ts'

const textOf = (profile: Parameters<typeof profileFindings>[0]) =>
  profileFindings(profile)
    .map(({ level, text }) => `${level} ${text}`)
    .join('\n')

test('doctor: the profile of a server names what it can do and what is missing', () => {
  expect(textOf(plainProfile)).toContain('ok SQL Server 16.0.1000.6, Developer Edition')
  expect(textOf(plainProfile)).toContain('history trigger, row-level policy no, graph tables yes')
  expect(textOf({ ...plainProfile, hasHistory: undefined, hasTemporal: true })).toContain(
    'history temporal (no tables yet)',
  )
  expect(textOf({ ...plainProfile, hasSnapshot: false })).toContain('note readers wait for writers')
  expect(textOf({ ...plainProfile, isExpress: true })).toContain('note Express')
  expect(textOf({ ...plainProfile, delayedDurability: 'FORCED' })).toContain('note commits are forced to be lazy')
  expect(textOf({ ...plainProfile, vectorIndexVersion: 3 })).toContain('vector index version 3')
  expect(textOf({ ...plainProfile, vectorIndexVersion: 2 })).toContain('vector index version 2, read-only')
})

test('doctor: a server that is not there, and a missing password, are findings; our own database is none', async () => {
  const { config } = resolveConfig({}, {}, { 'storage.url': 'mssql://hart@127.0.0.1:1/shard?encrypt=false' })
  expect(await checkStore(config, '/d', { HARTONOMOUS_STORAGE_PASSWORD: 'Hush1' })).toMatchObject([{ level: 'fail' }])
  expect(await checkStore(config, '/d', {})).toMatchObject([
    { level: 'fail', text: expect.stringContaining('password') },
  ])
  expect(await checkStore(resolveConfig({}, {}, {}).config, '/d', {})).toEqual([])
})
