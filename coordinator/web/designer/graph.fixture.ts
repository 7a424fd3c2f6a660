/** Graphs of any form that the coordinator takes. */
import fc from 'fast-check'
import type { WorkflowGraph, WorkflowStep } from '#protocol/api/workflow.ts'

/** Each step may take values of steps before it, wait for them, or be a branch of one; all of them run. */
export const anyGraph: fc.Arbitrary<WorkflowGraph> = fc
  .array(fc.record({ kind: fc.nat(4), sources: fc.array(fc.nat(20), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 9,
  })
  .map((drawn) => {
    const steps = drawn.map(({ kind, sources }, at): WorkflowStep => {
      const id = `s${at}`
      const from = [...new Set(at === 0 ? [] : sources.map((source) => `s${source % at}`))]
      const text = from.map((source) => `{{ ${source}.key }} {{${source}}}`).join(' ')
      const root = from[0] ?? 'input'
      switch (kind) {
        case 0:
          return { id, type: 'prompt', prompt: text }
        case 1:
          return { id, type: 'tool', tool: 'join-text', args: { texts: [text, { deep: `{{${root}}}` }] } }
        case 2:
          return { id, type: 'map', over: `${root}.list`, step: { type: 'prompt', prompt: `{{item}} ${text}` } }
        case 3:
          return { id, type: 'condition', value: root, test: 'exists', whenTrue: [] }
        default:
          return { id, type: 'approval', question: 'Go on?', ...(from.length === 0 ? {} : { after: from }) }
      }
    })
    return { name: 'any', model: 'm', steps, output: `s${drawn.length - 1}.key` }
  })

/** Two of its steps, in either order, or one twice. */
export const graphAndTwo = fc.tuple(anyGraph, fc.nat(), fc.nat()).map(([graph, one, other]) => ({
  graph,
  one: graph.steps[one % graph.steps.length]!,
  other: graph.steps[other % graph.steps.length]!,
}))
