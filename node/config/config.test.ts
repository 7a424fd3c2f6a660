import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GiB } from '#protocol/units.ts'
import { defaultPaths, environmentName, readConfigFile, resolveConfig, writeConfigKey } from './index.ts'

test('config: a flag wins over the environment, that over the file, that over the default', () => {
  const environment = { HARTONOMOUS_PLEDGE_DISK: '2GiB', HARTONOMOUS_API_PORT: '9000' }
  const { config, origins } = resolveConfig({ 'pledge.disk': '1GiB' }, environment, { 'api.port': 1, region: 'DE' })
  expect(config['pledge.disk']).toBe(GiB)
  expect(config['api.port']).toBe(9000)
  expect(config.region).toBe('DE')
  expect(origins).toMatchObject({
    'pledge.disk': 'flag',
    'api.port': 'environment',
    region: 'file',
    'data.port': 'default',
  })
})

test('config: a bad value names its key and where it stands', () => {
  expect(() => resolveConfig({}, { HARTONOMOUS_API_PORT: 'x' }, {})).toThrow(/api\.port.*environment/)
  expect(() => resolveConfig({}, {}, { region: 'Germany' })).toThrow(/region.*file/)
})

test('config: every setting has an environment name of its own', () => {
  expect(environmentName('data.uploadRate')).toBe('HARTONOMOUS_DATA_UPLOAD_RATE')
})

test('config file: set, read back, unset; unknown keys and broken JSON are refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hart-config-'))
  const path = join(folder, 'config.json')
  await writeConfigKey(path, 'pledge.disk', '3GiB')
  expect(await readConfigFile(path)).toEqual({ 'pledge.disk': 3 * GiB })
  await expect(writeConfigKey(path, 'nonsense', '1')).rejects.toMatchObject({ code: 'ERR_USAGE' })
  await expect(writeConfigKey(path, 'api.port', '70000')).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  await writeConfigKey(path, 'pledge.disk', undefined)
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({})
  await writeFile(path, '{')
  await expect(readConfigFile(path)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  await rm(folder, { recursive: true })
})

test('paths: a data folder of its own carries its own configuration', () => {
  expect(defaultPaths({ XDG_DATA_HOME: '/d', XDG_CONFIG_HOME: '/c' })).toEqual({
    dataDir: '/d/hartonomous',
    configFile: '/c/hartonomous/config.json',
  })
  expect(defaultPaths({}, '/n')).toEqual({ dataDir: '/n', configFile: '/n/config.json' })
})
