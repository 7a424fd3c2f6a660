/** A tool, once the constitution has said yes to just that. */

import type { Values } from '#protocol/api/value-path.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { renderJson } from '../plan/template.ts'
import { boundedValue, keyOf, type StepRun } from './step-run.ts'

export async function runTool(
  run: StepRun,
  call: { tool: string; args: unknown },
  part: string,
  values: Values,
  signal: AbortSignal,
): Promise<unknown> {
  const { host } = run
  const tool = host.tools.get(call.tool)
  if (tool === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'tool', id: call.tool })
  const args = renderJson(call.args, values)
  const { isAllowed, reason } = await host.authorize('useTool', tool.name)
  if (!isAllowed) throw new HartonomousError('ERR_FORBIDDEN', { action: `the tool ${tool.name}`, reason })
  signal.throwIfAborted()
  return boundedValue(await tool.run(args, { signal, key: keyOf(run, part), step: part, host }), `the value of ${part}`)
}
