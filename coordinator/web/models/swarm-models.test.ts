import { expect, test } from 'vitest'
import { chosenModels, orderOf } from './swarm-models.ts'

const model = (name: string, more: object = {}) => ({
  modelId: `id-of-${name}`,
  name,
  publisher: 'somebody',
  licence: 'MIT',
  sizeBytes: name.length,
  source: 'dht' as const,
  ageMs: 0,
  holders: 3,
  wholeHolders: 2,
  answerers: 1,
  ...more,
})
const price = (wei: string) => ({ weiPerKiloToken: { min: wei, max: wei } })
const names = (models: { name: string }[]) => models.map(({ name }) => name)

test('models: sorted by what is asked for, equal ones by name, unknown prices last', () => {
  const models = [model('c', price('20')), model('a'), model('bb', price('3')), model('d', price('3'))]
  expect(names(chosenModels(models, {}))).toEqual(['a', 'bb', 'c', 'd'])
  expect(names(chosenModels(models, { sort: 'price' }))).toEqual(['bb', 'd', 'c', 'a'])
  expect(names(chosenModels(models, { sort: 'size' }))).toEqual(['bb', 'a', 'c', 'd'])
  expect(names(chosenModels(models, { sort: 'name', order: 'desc' }))).toEqual(['d', 'c', 'bb', 'a'])
  expect(orderOf({ sort: 'size' })).toBe('desc')
})

test('models: all words must be found, in names, publishers, licences or ids', () => {
  const models = [model('llama'), model('qwen', { licence: 'Apache-2.0' }), model('llava', { licence: 'Apache-2.0' })]
  expect(names(chosenModels(models, { find: 'LLA' }))).toEqual(['llama', 'llava'])
  expect(names(chosenModels(models, { find: 'apache l' }))).toEqual(['llava'])
  expect(names(chosenModels(models, { find: 'id-of-q' }))).toEqual(['qwen'])
})

test('models: those that answer, and those of which there is one whole copy at most', () => {
  const models = [model('a', { answerers: 0 }), model('b', { wholeHolders: 1 }), model('c', { wholeHolders: 0 })]
  expect(names(chosenModels(models, { show: 'answered' }))).toEqual(['b', 'c'])
  expect(names(chosenModels(models, { show: 'scarce' }))).toEqual(['b', 'c'])
})
