/** The graph under work, and the way back. */
import { useReducer } from 'react'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'

/** Of the way back; a graph is a few KiB. */
const versionsMax = 200

interface Draft {
  past: readonly WorkflowGraph[]
  graph: WorkflowGraph
  future: readonly WorkflowGraph[]
  /** What was changed last: typing in one field is one change. */
  field: string | undefined
}

type DraftAction =
  | { type: 'edit'; graph: WorkflowGraph; field?: string | undefined }
  | { type: 'undo' }
  | { type: 'redo' }
  | { type: 'load'; graph: WorkflowGraph }

function reduce(draft: Draft, action: DraftAction): Draft {
  const { past, graph, future } = draft
  switch (action.type) {
    case 'load':
      return { past: [], graph: action.graph, future: [], field: undefined }
    case 'edit': {
      if (action.graph === graph) return draft
      const isSameField = action.field !== undefined && action.field === draft.field
      const before = isSameField ? past : [...past.slice(-versionsMax), graph]
      return { past: before, graph: action.graph, future: [], field: action.field }
    }
    case 'undo': {
      const previous = past.at(-1)
      if (previous === undefined) return draft
      return { past: past.slice(0, -1), graph: previous, future: [graph, ...future], field: undefined }
    }
    case 'redo': {
      const [next, ...rest] = future
      if (next === undefined) return draft
      return { past: [...past, graph], graph: next, future: rest, field: undefined }
    }
  }
}

export interface DraftControl {
  graph: WorkflowGraph
  canUndo: boolean
  canRedo: boolean
  /** `field` joins what is typed into one change. */
  edit(graph: WorkflowGraph, field?: string): void
  undo(): void
  redo(): void
  /** Another workflow: the way back begins anew. */
  load(graph: WorkflowGraph): void
}

export function useDraft(first: WorkflowGraph): DraftControl {
  const [draft, act] = useReducer(reduce, { past: [], graph: first, future: [], field: undefined })
  return {
    graph: draft.graph,
    canUndo: draft.past.length > 0,
    canRedo: draft.future.length > 0,
    edit: (graph, field) => act({ type: 'edit', graph, field }),
    undo: () => act({ type: 'undo' }),
    redo: () => act({ type: 'redo' }),
    load: (graph) => act({ type: 'load', graph }),
  }
}
