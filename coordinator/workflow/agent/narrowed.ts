/** A host for an agent: all that its parent may do, less what its template forbids. There is no way to add. */
import { HartonomousError } from '#protocol/errors.ts'
import type { WorkflowHost } from '../host.ts'
import type { Forbid } from './template.ts'

export function narrowed(host: WorkflowHost, agent: { name: string; forbid: readonly Forbid[] }): WorkflowHost {
  const { name } = agent
  const isForbidden = (action: Forbid['action'], resource: string) =>
    agent.forbid.some((rule) => rule.action === action && (rule.resource ?? resource) === resource)
  const reason = `the template of the agent ${name} forbids it`
  return {
    ...host,
    runWork: async (work, options) => {
      if (isForbidden('submit', work.model))
        throw new HartonomousError('ERR_FORBIDDEN', { action: `work for ${work.model}`, reason })
      return host.runWork(work, { ...options, agents: [name, ...(options.agents ?? [])] })
    },
    authorize: async (action, resource, agents = []) =>
      isForbidden(action, resource)
        ? { isAllowed: false, reason }
        : host.authorize(action, resource, [name, ...agents]),
  }
}
