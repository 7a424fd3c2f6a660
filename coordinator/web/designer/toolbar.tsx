import { useMutation } from '@tanstack/react-query'
import { Download, FilePlus, FolderOpen, Redo2, Save, Undo2, Upload } from 'lucide-react'
import { type ChangeEvent, useEffect, useRef, useState } from 'react'
import type { WorkflowView } from '#protocol/api/routes/workflows.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { parseGraph } from '#protocol/api/workflow-plan.ts'
import { useScope } from '../app/session.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { formatTime } from '../lib/format.ts'
import type { GraphProblem } from './check.ts'
import type { DraftControl } from './draft.ts'
import { saveGraph } from './library.ts'
import { WorkflowList } from './workflow-list.tsx'

interface ToolbarProps {
  draft: DraftControl
  /** As it was read, or saved, last. */
  opened: WorkflowView | undefined
  isDirty: boolean
  problem: GraphProblem | undefined
  onNew: () => void
  onImported: (graph: WorkflowGraph) => void
  onSaved: (saved: WorkflowView) => void
}

/** What is done with the graph as a whole. Ctrl+Z, Ctrl+Shift+Z and Ctrl+S do the same. */
export function Toolbar({ draft, opened, isDirty, problem, onNew, onImported, onSaved }: ToolbarProps) {
  const { graph } = draft
  const mayRead = useScope('jobs:read')
  const mayWrite = useScope('jobs:write')
  const [isListOpen, setListOpen] = useState(false)
  const save = useSave(graph, opened, onSaved)
  const canSave = mayWrite && problem === undefined && (isDirty || opened?.origin !== 'saved')
  useKeys({
    z: (isShift) => (isShift ? draft.redo() : draft.undo()),
    y: () => draft.redo(),
    s: () => canSave && save.start(false),
  })
  const why = !mayWrite ? 'saving takes the right jobs:write' : problem === undefined ? undefined : problem.message
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Version opened={opened} isDirty={isDirty} />
      <Button disabled={!draft.canUndo} onClick={draft.undo} aria-label="Undo" title="Undo (Ctrl+Z)">
        <Undo2 className="size-4" />
      </Button>
      <Button disabled={!draft.canRedo} onClick={draft.redo} aria-label="Redo" title="Redo (Ctrl+Shift+Z)">
        <Redo2 className="size-4" />
      </Button>
      <Button onClick={onNew}>
        <FilePlus className="size-4" aria-hidden="true" /> New
      </Button>
      <Button disabled={!mayRead} onClick={() => setListOpen(true)}>
        <FolderOpen className="size-4" aria-hidden="true" /> Open
      </Button>
      <Import onImported={onImported} />
      <Button disabled={graph.steps.length === 0} onClick={() => download(graph)}>
        <Download className="size-4" aria-hidden="true" /> Export
      </Button>
      <Button
        tone="primary"
        isBusy={save.isBusy}
        disabled={!canSave}
        title={why ?? 'Save (Ctrl+S)'}
        onClick={() => save.start(false)}
      >
        <Save className="size-4" aria-hidden="true" /> Save
      </Button>
      <Dialog title="Open a workflow" isOpen={isListOpen} onClose={() => setListOpen(false)}>
        <WorkflowList onOpen={() => setListOpen(false)} />
      </Dialog>
      <Dialog title="Not saved" isOpen={save.error !== null} onClose={save.forget}>
        <ErrorNotice error={save.error} />
      </Dialog>
      <OtherVersion save={save} />
    </div>
  )
}

interface SaveControl {
  isBusy: boolean
  error: Error | null
  /** There instead of what was opened. */
  other: WorkflowView | undefined
  start: (isForced: boolean) => void
  forget: () => void
}

function useSave(
  graph: WorkflowGraph,
  opened: WorkflowView | undefined,
  onSaved: (saved: WorkflowView) => void,
): SaveControl {
  const saving = useMutation({
    mutationFn: (isForced: boolean) => saveGraph(graph, opened, isForced),
    onSuccess: (done) => 'saved' in done && onSaved(done.saved),
  })
  return {
    isBusy: saving.isPending,
    error: saving.error,
    other: saving.data !== undefined && 'other' in saving.data ? saving.data.other : undefined,
    start: saving.mutate,
    forget: saving.reset,
  }
}

/** Somebody saved under this name: who saves now says which of both is to stay. */
function OtherVersion({ save: { other, start, forget } }: { save: SaveControl }) {
  return (
    <Dialog title="There is another version" isOpen={other !== undefined} onClose={forget}>
      <p className="mb-4">
        <span className="font-medium break-all">{other?.name}</span> was saved
        {other?.savedAtMs === undefined ? '' : ` at ${formatTime(other.savedAtMs)}`} and is not what you opened (version{' '}
        <code className="font-mono">{other?.version.slice(0, 8)}</code>). Saving puts yours in its place; jobs that run
        keep the graph with which they began.
      </p>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={forget}>Cancel</Button>
        <Button tone="danger" onClick={() => start(true)}>
          Save mine in its place
        </Button>
      </div>
    </Dialog>
  )
}

/** What is known of the graph as it was saved; its version is the SHA-256 by which runs know it. */
function Version({ opened, isDirty }: { opened: WorkflowView | undefined; isDirty: boolean }) {
  const was =
    opened === undefined
      ? 'new'
      : opened.savedAtMs === undefined
        ? opened.origin
        : `${opened.origin} ${formatTime(opened.savedAtMs)}`
  return (
    <p role="status" className="text-[13px] text-muted">
      {was}
      {opened !== undefined && (
        <>
          {', version '}
          <code className="font-mono" title={`SHA-256 of the graph: ${opened.version}`}>
            {opened.version.slice(0, 8)}
          </code>
        </>
      )}
      {isDirty && <span className="ml-1.5 font-medium text-warn">· not saved</span>}
    </p>
  )
}

function Import({ onImported }: { onImported: (graph: WorkflowGraph) => void }) {
  const input = useRef<HTMLInputElement>(null)
  const [error, setError] = useState<unknown>()
  const read = async ({ target }: ChangeEvent<HTMLInputElement>) => {
    const [file] = target.files ?? []
    if (file === undefined) return
    // The same file may be chosen again once it was mended.
    target.value = ''
    try {
      onImported(parseGraph(JSON.parse(await file.text()) as unknown))
    } catch (cause) {
      setError(cause)
    }
  }
  return (
    <>
      <input
        ref={input}
        type="file"
        accept=".json,application/json"
        aria-label="A workflow as JSON"
        className="hidden"
        onChange={(event) => void read(event)}
      />
      <Button onClick={() => input.current!.click()}>
        <Upload className="size-4" aria-hidden="true" /> Import
      </Button>
      <Dialog title="Not imported" isOpen={error !== undefined} onClose={() => setError(undefined)}>
        <ErrorNotice error={error} />
      </Dialog>
    </>
  )
}

/** As `hart workflow save` takes it. */
function download(graph: WorkflowGraph): void {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(graph, undefined, 2)}\n`], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `${graph.name}.json`
  link.click()
  URL.revokeObjectURL(url)
}

/** With Ctrl, or Command. Z and Y belong to a text while one is written; each has a way back of its own there. */
function useKeys(acts: Readonly<Record<string, (isShift: boolean) => unknown>>): void {
  const latest = useRef(acts)
  latest.current = acts
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!event.ctrlKey && !event.metaKey) return
      const key = event.key.toLowerCase()
      const act = latest.current[key]
      const isTyping = /^(INPUT|TEXTAREA)$/.test((event.target as Element).tagName)
      if (act === undefined || (isTyping && key !== 's')) return
      event.preventDefault()
      act(event.shiftKey)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
}
