import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { planWorkflow } from '#protocol/api/workflow-plan.ts'
import { problemOf } from './check.ts'
import {
  addLink,
  addStep,
  blankGraph,
  duplicateStep,
  linkProblem,
  moveStep,
  removeLink,
  removeStep,
  renameStep,
} from './edit.ts'
import { anyGraph, graphAndTwo } from './graph.fixture.ts'
import { inReach, linksOf } from './links.ts'
import { stepKinds } from './step-kinds.ts'

/** Who waits for whom, as the coordinator finds it. */
function needsOf(graph: WorkflowGraph): Map<string, string[]> {
  return new Map(planWorkflow(graph).steps.map(({ step, needs }) => [step.id, [...needs].sort()]))
}

test('links: they are what the coordinator says that steps wait for', () => {
  fc.assert(
    fc.property(anyGraph, (graph) => {
      const links = linksOf(graph)
      for (const [id, needs] of needsOf(graph))
        expect([...new Set(links.filter(({ to }) => to === id).map(({ from }) => from))].sort()).toEqual(needs)
    }),
  )
})

test('links: one that is not refused leaves a graph that runs, and taking it away gives the graph back', () => {
  const kinds = fc.constantFrom('after' as const, 'true' as const, 'false' as const)
  fc.assert(
    fc.property(graphAndTwo, kinds, ({ graph, one, other }, kind) => {
      fc.pre(kind === 'after' || one.type === 'condition')
      const link = { from: one.id, to: other.id, kind }
      const problem = linkProblem(graph, link)
      const linked = addLink(graph, link)
      if (problem === undefined) {
        expect(needsOf(linked).get(other.id)).toContain(one.id)
        expect(removeLink(linked, link)).toEqual(graph)
      } else if (problem.startsWith('it waits for itself')) {
        // In the words of the coordinator, which may begin the circle at another step of it.
        expect(() => planWorkflow(linked)).toThrow('it waits for itself')
      } else expect(problem).toMatch(/already$|is named twice$/)
    }),
  )
})

test('links: what is in reach of a step may be named by it, and nothing else', () => {
  fc.assert(
    fc.property(graphAndTwo, ({ graph, one, other }) => {
      fc.pre(one.type === 'prompt')
      const steps = graph.steps.map((step) => (step === one ? { ...one, prompt: `{{${other.id}}}` } : step))
      const isInReach = inReach(graph, one.id).includes(other.id)
      expect(problemOf({ ...graph, steps })).toEqual(
        isInReach ? undefined : expect.objectContaining({ message: expect.stringContaining('it waits for itself') }),
      )
    }),
  )
})

test('rename: everything that names the step follows, and the way back gives the same graph', () => {
  fc.assert(
    fc.property(graphAndTwo, ({ graph, one }) => {
      const renamed = renameStep(graph, one.id, 'other-name')
      const names = (id: string) => (id === one.id ? 'other-name' : id)
      const expected = new Map([...needsOf(graph)].map(([id, needs]) => [names(id), needs.map(names).sort()]))
      expect(needsOf(renamed)).toEqual(expected)
      expect(linksOf(renameStep(renamed, 'other-name', one.id))).toEqual(linksOf(graph))
    }),
  )
})

test('steps: each kind runs as it is added, alone and behind another; a copy and a move change no other step', () => {
  for (const { type } of stepKinds) {
    const { graph: alone, id } = addStep(blankGraph, type)
    expect(problemOf(alone), type).toBeUndefined()
    const { graph: two, id: copy } = duplicateStep(alone, id)
    expect(copy).not.toBe(id)
    const { graph: three, id: behind } = addStep(two, type, id)
    expect(problemOf(three), type).toBeUndefined()
    expect(needsOf(three).get(behind), type).toEqual([id])
    expect(moveStep(three, behind, -1).steps.map((step) => step.id)).toEqual([id, behind, copy])
    expect(moveStep(three, behind, 1)).toBe(three)
  }
})

test('remove: no edge and no output stays of a step; a text that names it is told of', () => {
  const graph: WorkflowGraph = {
    name: 'x',
    steps: [
      { id: 'gone', type: 'tool', tool: 'now', args: {} },
      { id: 'if', type: 'condition', value: 'input', test: 'exists', whenTrue: ['gone'], whenFalse: ['gone'] },
      { id: 'waits', type: 'tool', tool: 'now', args: {}, after: ['gone'] },
      { id: 'names', type: 'approval', question: '{{gone}}' },
    ],
    output: 'gone.total',
  }
  const rest = removeStep(graph, 'gone')
  expect(rest).toEqual({
    name: 'x',
    steps: [
      { id: 'if', type: 'condition', value: 'input', test: 'exists', whenTrue: [], whenFalse: [] },
      { id: 'waits', type: 'tool', tool: 'now', args: {} },
      { id: 'names', type: 'approval', question: '{{gone}}' },
    ],
  })
  expect(problemOf(rest)).toEqual({
    message: 'steps[2].question: there is no step gone here',
    step: 'names',
    field: 'question',
  })
})
