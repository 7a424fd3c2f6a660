import { z } from 'zod'
import { defineTool } from './tool.ts'

export const now = defineTool({
  name: 'now',
  description: 'The time in UTC, as ISO 8601. A step that has ended keeps the time that it gave.',
  args: z.strictObject({}),
  run: () => new Date().toISOString(),
})
