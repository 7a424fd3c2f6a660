import '@xyflow/react/dist/base.css'
import './canvas.css'
import {
  Background,
  type Connection,
  Controls,
  type Edge,
  type FinalConnectionState,
  type Node,
  type NodeChange,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from '@xyflow/react'
import { type KeyboardEvent, useEffect, useMemo } from 'react'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import type { GraphProblem } from './check.ts'
import { addLink, type DrawnLink, linkProblem, removeLink, removeStep } from './edit.ts'
import { type Place, placesOf, stepHeight, stepWidth } from './layout.ts'
import { type Link, type LinkKind, linksOf } from './links.ts'
import type { Run } from './run.ts'
import { StepNode, type StepNodeData } from './step-node.tsx'
import { rootOf } from './step-text.ts'

const nodeTypes = { step: StepNode }
const zoomMin = 0.25
/** Smaller than this no one reads: a wide graph begins at its left end, and is moved. */
const zoomReadable = 0.75
const marginPx = 24

interface CanvasProps {
  graph: WorkflowGraph
  /** Shown in full when it changes. */
  viewKey: string
  run: Run | undefined
  problem: GraphProblem | undefined
  selected: string | undefined
  onSelect: (id: string | undefined) => void
  onEdit: (graph: WorkflowGraph) => void
  /** A link that may not be, and why. */
  onRefused: (problem: string) => void
}

/** The graph, drawn. All that is done here can be done in the lists beside it as well. */
export function Canvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <Drawing {...props} />
    </ReactFlowProvider>
  )
}

function Drawing({ graph, viewKey, run, problem, selected, onSelect, onEdit, onRefused }: CanvasProps) {
  const links = useMemo(() => linksOf(graph), [graph])
  const places = useMemo(
    () =>
      placesOf(
        graph.steps.map(({ id }) => id),
        links,
      ),
    [graph, links],
  )
  useView(places, viewKey, selected)
  const output = graph.output === undefined ? graph.steps.at(-1)?.id : rootOf(graph.output)
  const nodes = graph.steps.map((step): Node<StepNodeData> => {
    const stepRun = run?.steps.get(step.id)
    const { x, y } = places.get(step.id)!
    return {
      id: step.id,
      type: 'step',
      position: { x, y },
      width: stepWidth,
      height: stepHeight,
      measured: { width: stepWidth, height: stepHeight },
      selected: step.id === selected,
      ariaLabel: `${step.type} ${step.id}${stepRun === undefined ? '' : `, ${stepRun.status}`}`,
      data: {
        step,
        run: stepRun,
        hasProblem: problem?.step === step.id,
        isOutput: step.id === output,
      },
    }
  })
  const edges = links.map((link) => edgeOf(link, places, selected))
  const onNodesChange = (changes: NodeChange<Node<StepNodeData>>[]) => {
    const chosen = changes.find((change) => change.type === 'select' && change.selected)
    if (chosen?.type === 'select') onSelect(chosen.id)
  }
  const onConnectEnd = (_: unknown, state: FinalConnectionState) => {
    const drawn = drawnBy(state)
    const refused = drawn === undefined ? undefined : linkProblem(graph, drawn)
    if (drawn !== undefined && refused !== undefined) onRefused(`${drawn.from} to ${drawn.to}: ${refused}`)
  }
  return (
    <ReactFlow
      className="workflow-canvas"
      aria-label="The graph"
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      onNodesChange={onNodesChange}
      onPaneClick={() => onSelect(undefined)}
      onKeyDown={(event) => onKey(event, links, graph, onEdit)}
      onConnect={(connection) => onEdit(addLink(graph, linkOf(connection)))}
      isValidConnection={(connection) => linkProblem(graph, linkOf(connection as Connection)) === undefined}
      onConnectEnd={onConnectEnd}
      nodesDraggable={false}
      nodesFocusable
      edgesFocusable
      multiSelectionKeyCode={null}
      selectionKeyCode={null}
      deleteKeyCode={null}
      zoomOnScroll={false}
      preventScrolling={false}
      zoomOnDoubleClick={false}
      minZoom={zoomMin}
      maxZoom={1.5}
      connectionRadius={28}
    >
      <Background />
      <Controls showInteractive={false} fitViewOptions={{ padding: 0.1, maxZoom: 1 }} />
    </ReactFlow>
  )
}

/** Begins where it can be read, and brings a step that is chosen elsewhere into sight. */
function useView(places: ReadonlyMap<string, Place>, viewKey: string, selected: string | undefined): void {
  const { setViewport, getViewport, setCenter } = useReactFlow()
  const width = useStore((store) => store.width)
  const height = useStore((store) => store.height)
  const isReady = width > 0 && height > 0 && places.size > 0
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another workflow, or the first step, begins anew.
  useEffect(() => {
    if (!isReady) return
    const all = [...places.values()]
    const right = Math.max(...all.map(({ x }) => x)) + stepWidth
    const top = Math.min(...all.map(({ y }) => y))
    const bottom = Math.max(...all.map(({ y }) => y)) + stepHeight
    const fits = Math.min((width - 2 * marginPx) / right, (height - 2 * marginPx) / (bottom - top), 1)
    const zoom = Math.max(fits, zoomReadable)
    const x = Math.max(marginPx, (width - right * zoom) / 2)
    void setViewport({ x, y: height / 2 - ((top + bottom) / 2) * zoom, zoom })
  }, [isReady, viewKey])
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is moved out of sight by hand stays there.
  useEffect(() => {
    const place = selected === undefined ? undefined : places.get(selected)
    if (!isReady || place === undefined) return
    const { x, y, zoom } = getViewport()
    const [left, top] = [place.x * zoom + x, place.y * zoom + y]
    const isSeen = left >= 0 && top >= 0 && left + stepWidth * zoom <= width && top + stepHeight * zoom <= height
    if (!isSeen) void setCenter(place.x + stepWidth / 2, place.y + stepHeight / 2, { zoom })
  }, [isReady, selected])
}

function edgeOf(link: Link, places: ReadonlyMap<string, Place>, selected: string | undefined): Edge {
  const { from, to, kind, paths } = link
  const isFar = places.get(to)!.column - places.get(from)!.column > 1
  const isNear = selected === from || selected === to
  const form = kind === 'value' || kind === 'after' ? `link-${kind}` : 'link-branch'
  const means = {
    value: `takes ${paths.map((path) => from + path).join(', ')}`,
    after: 'runs after it',
    true: 'runs when it is true',
    false: 'runs when it is false',
  }[kind]
  return {
    id: edgeId(link),
    source: from,
    sourceHandle: kind === 'value' ? 'after' : kind,
    target: to,
    targetHandle: 'in',
    className: `${form} ${isNear ? 'link-near-selected' : isFar && kind === 'value' ? 'link-far' : ''}`,
    ...(kind === 'true' || kind === 'false' ? { label: kind } : {}),
    ariaLabel: `${from} to ${to}: ${to} ${means}`,
  }
}

/** Takes away the step, or the link, that has the focus: what is selected may be far from where somebody types. */
function onKey(
  event: KeyboardEvent,
  links: readonly Link[],
  graph: WorkflowGraph,
  onEdit: (graph: WorkflowGraph) => void,
): void {
  if (event.key !== 'Delete' && event.key !== 'Backspace') return
  const focused = (event.target as Element).closest<HTMLElement>('.react-flow__node, .react-flow__edge')
  const id = focused?.dataset['id']
  if (id === undefined) return
  event.preventDefault()
  const link = links.find((each) => edgeId(each) === id)
  if (link === undefined) onEdit(removeStep(graph, id))
  // A value goes with the text that names it.
  else if (link.kind !== 'value') onEdit(removeLink(graph, { from: link.from, to: link.to, kind: link.kind }))
}

/** No id of a step has a space. */
function edgeId({ from, to, kind }: Link): string {
  return `${from} ${kind} ${to}`
}

function linkOf({ source, sourceHandle, target }: Connection): DrawnLink {
  return { from: source, to: target, kind: kindOf(sourceHandle) }
}

function kindOf(handle: string | null | undefined): DrawnLink['kind'] {
  return handle === 'true' || handle === 'false' ? (handle satisfies LinkKind) : 'after'
}

/** From whichever end it was drawn. */
function drawnBy({ isValid, fromHandle, toNode, toHandle }: FinalConnectionState): DrawnLink | undefined {
  if (isValid === true || fromHandle === null || toNode === null || toHandle === null) return undefined
  if (fromHandle.type === 'source') return { from: fromHandle.nodeId, to: toNode.id, kind: kindOf(fromHandle.id) }
  return { from: toNode.id, to: fromHandle.nodeId, kind: kindOf(toHandle.id) }
}

/** What the forms of links mean. */
export function Legend() {
  const kinds = [
    { form: '', means: 'takes its value' },
    { form: 'legend-after', means: 'runs after it' },
    { form: 'legend-branch', means: 'runs if it is so' },
  ]
  return (
    <ul className="flex flex-wrap gap-x-4 text-[13px] text-muted">
      {kinds.map(({ form, means }) => (
        <li key={means} className="flex items-center gap-1.5">
          <svg viewBox="0 0 32 4" aria-hidden="true" className="h-1 w-8">
            <path d="M0 2h32" className={`stroke-current ${form}`} strokeWidth="2" />
          </svg>
          {means}
        </li>
      ))}
    </ul>
  )
}
