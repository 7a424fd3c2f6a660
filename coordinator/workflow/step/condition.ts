import { isDeepStrictEqual } from 'node:util'
import { parsePath, readPath, type Values } from '#protocol/api/value-path.ts'
import type { WorkflowStep } from '#protocol/api/workflow.ts'

/** Nothing, null and what is of another type than the test asks for: the answer is no. */
export function holds(condition: Extract<WorkflowStep, { type: 'condition' }>, values: Values): boolean {
  const value = readPath(parsePath(condition.value)!, values)
  const { than } = condition
  switch (condition.test) {
    case 'exists':
      return value !== undefined && value !== null
    case 'equals':
      return isDeepStrictEqual(value, than)
    case 'contains':
      if (Array.isArray(value)) return value.some((item) => isDeepStrictEqual(item, than))
      return typeof value === 'string' && typeof than === 'string' && value.includes(than)
    case 'greater':
      return isNumber(value) && isNumber(than) && value > than
    case 'less':
      return isNumber(value) && isNumber(than) && value < than
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}
