/** The workflow that the address names, in the draft. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { WorkflowView } from '#protocol/api/routes/workflows.ts'
import { useScope } from '../app/session.ts'
import type { DraftControl } from './draft.ts'
import { blankGraph } from './edit.ts'
import { workflowQuery, workflowsQuery } from './library.ts'

export interface Opened {
  /** As it was read, or saved, last; undefined for a new one. */
  view: WorkflowView | undefined
  isOpening: boolean
  error: Error | null
  retry: () => void
  isDirty: boolean
  /** What was saved is what is open now. */
  keep: (saved: WorkflowView) => void
}

export function useOpened(name: string | undefined, draft: DraftControl): Opened {
  const queries = useQueryClient()
  const mayRead = useScope('jobs:read')
  // Whose graph the draft began with: it is loaded once, and never over what is being drawn.
  const [loaded, setLoaded] = useState<{ name: string | undefined; view: WorkflowView | undefined }>()
  const isOpening = mayRead && name !== undefined && name !== loaded?.name
  const { data, error, refetch } = useQuery({ ...workflowQuery(name ?? ''), enabled: isOpening })
  // biome-ignore lint/correctness/useExhaustiveDependencies: the draft is written here, and not looked at.
  useEffect(() => {
    if (loaded !== undefined && name === loaded.name) return
    const view = name !== undefined && data?.name === name ? data : undefined
    if (name !== undefined && view === undefined) return
    setLoaded({ name, view })
    draft.load(view?.graph ?? blankGraph)
  }, [name, data, loaded])
  const view = loaded?.view
  return {
    view,
    isOpening,
    error: isOpening ? error : null,
    retry: () => void refetch(),
    isDirty: JSON.stringify(draft.graph) !== JSON.stringify(view?.graph ?? blankGraph),
    keep: (saved) => {
      void queries.invalidateQueries({ queryKey: workflowsQuery.queryKey })
      setLoaded({ name: saved.name, view: saved })
      // Keys may stand in another order now; otherwise it is the same, and the way back stays.
      if (JSON.stringify(saved.graph) !== JSON.stringify(draft.graph)) draft.load(saved.graph)
    },
  }
}
