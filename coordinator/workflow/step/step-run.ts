/** One step of one run: what it is given, and the bounds of what it gives. */

import { readPath, type ValuePath, type Values } from '#protocol/api/value-path.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { workflowItemsMax, workflowValueBytesMax, workflowValueDepthMax } from '#protocol/limits.ts'
import type { WorkflowHost } from '../host.ts'

export interface StepRun {
  host: WorkflowHost
  /** Of the run; keys of child jobs begin with it. */
  thread: string
  step: string
  /** Of the workflow, for steps that name none. */
  model: string | undefined
  /** The input, and what has ended without being passed over. */
  values: Values
  signal: AbortSignal
}

/** The same step, or part of it, has the same key in every run of the thread. */
export function keyOf(run: StepRun, part: string): string {
  return `${run.thread}/${part}`
}

/** A copy as JSON has it. @throws {ERR_LIMIT} {ERR_USAGE} for what is no JSON */
export function boundedValue(value: unknown, what: string): unknown {
  if (value === undefined) return null
  const depth = depthOf(value)
  if (depth > workflowValueDepthMax)
    throw new HartonomousError('ERR_LIMIT', { what: `depth of ${what}`, limit: workflowValueDepthMax, actual: depth })
  const text = JSON.stringify(value)
  if (text === undefined) throw new HartonomousError('ERR_USAGE', { message: `${what} is a ${typeof value}, no JSON` })
  const bytes = Buffer.byteLength(text)
  if (bytes > workflowValueBytesMax)
    throw new HartonomousError('ERR_LIMIT', { what: `bytes of ${what}`, limit: workflowValueBytesMax, actual: bytes })
  return JSON.parse(text)
}

/** Counts one level more than is allowed, and no further. */
function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > workflowValueDepthMax) return depth
  return Object.values(value).reduce((deepest: number, item) => Math.max(deepest, depthOf(item, depth + 1)), depth)
}

/** Of a step that was passed over: the empty list. @throws {ERR_USAGE} {ERR_LIMIT} */
export function listAt(path: ValuePath, values: Values): unknown[] {
  const list = values.has(path[0]!) ? readPath(path, values) : []
  if (!Array.isArray(list)) {
    const found = list === undefined ? 'nothing' : list === null ? 'null' : `a ${typeof list}`
    throw new HartonomousError('ERR_USAGE', {
      message: `${path.join('.')} is ${found}, and should be a list`,
      param: 'over',
    })
  }
  if (list.length > workflowItemsMax)
    throw new HartonomousError('ERR_LIMIT', {
      what: `items of ${path.join('.')}`,
      limit: workflowItemsMax,
      actual: list.length,
    })
  return list
}
