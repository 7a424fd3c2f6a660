import { expect, test } from 'vitest'
import { documentedRoutes } from '#protocol/api/routes/index.ts'
import { commands } from './index.ts'

test('every route of the coordinator has a command of hart, or says why not', () => {
  const names = commands.map(({ name }) => name)
  for (const [name, { cli }] of Object.entries(documentedRoutes)) {
    if (typeof cli === 'string') expect(names, name).toContain(cli)
    else expect(cli.no.length, name).toBeGreaterThan(10)
  }
})
