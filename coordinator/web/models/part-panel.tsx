import { Link } from '@tanstack/react-router'
import type { ComponentView, TensorView } from '#protocol/api/control.ts'
import type { CoverageView } from '#protocol/api/network.ts'
import { formatBytes } from '#protocol/units.ts'
import { CopyText } from '../components/copy-text.tsx'
import { Table } from '../components/table.tsx'
import { formatCompact, formatCount } from '../lib/format.ts'
import { BringHere } from './bring-here.tsx'
import { Fact } from './fact.tsx'
import { HolderMark } from './holder-mark.tsx'
import { Holders } from './holders.tsx'
import { formatShape } from './shape.ts'

interface PartPanelProps {
  model: { modelId: string; name: string }
  title: string
  /** One component, or those of a layer. */
  parts: CoverageView['parts']
  held: ReadonlyMap<string, ComponentView>
  /** Of the whole model; undefined where they may not be seen. */
  tensors: readonly TensorView[] | undefined
  onPart: (key: string) => void
  onTensor: (name: string) => void
}

/** What a layer or a component is made of, who holds it, and how to get it. */
export function PartPanel({ model, title, parts, held, tensors, onPart, onTensor }: PartPanelProps) {
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  const holders = Math.min(...parts.map((part) => part.holders))
  const [first] = parts
  const isOne = parts.length === 1 && first!.key === title
  const keys = parts.map(({ key }) => key)
  const own = keys.flatMap((key) => held.get(key) ?? [])
  const heldBytes = own.reduce((sum, each) => sum + each.heldBytes, 0)
  const parameterCount = own.reduce((sum, each) => sum + each.parameterCount, 0)
  return (
    <div className="grid grid-cols-1 gap-4">
      <h3 className="font-semibold break-all">
        {isOne ? <CopyText text={title} label="the key" /> : <span className="text-base">{title}</span>}
      </h3>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Fact name="kind">{isOne ? first!.kind : `layer of ${parts.length} parts`}</Fact>
        <Fact name="size">
          <span title={`${formatCount(sizeBytes)} bytes`}>{formatBytes(sizeBytes)}</span>
        </Fact>
        {own.length > 0 && (
          <Fact name="parameters">
            <span title={formatCount(parameterCount)}>{formatCompact(parameterCount)}</span>
          </Fact>
        )}
        {own.length > 0 && (
          <Fact name="on this coordinator">
            {heldBytes === 0 ? 'nothing' : heldBytes >= sizeBytes ? 'all of it' : formatBytes(heldBytes)}
          </Fact>
        )}
      </dl>
      {!isOne && (
        <Table label={`Parts of ${title}`} head={['part', 'kind', 'size', 'holders']}>
          {parts.map((part) => (
            <tr key={part.key}>
              <td>
                <LinkButton onClick={() => onPart(part.key)}>{part.key}</LinkButton>
              </td>
              <td>{part.kind}</td>
              <td>{formatBytes(part.sizeBytes)}</td>
              <td>
                <HolderMark holders={part.holders} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {isOne && tensors !== undefined && (
        <PartTensors tensors={tensors.filter(({ component }) => component === title)} onTensor={onTensor} />
      )}
      <Holders modelId={model.modelId} holders={holders} />
      {heldBytes < sizeBytes && <BringHere model={model} components={keys} sizeBytes={sizeBytes - heldBytes} />}
      <p>
        <Link to="/query" search={{ q: queryOf(model.name, parts, isOne) }} className="text-accent underline">
          Query it
        </Link>{' '}
        <span className="text-muted">to see what it needs besides, and what loading just these bytes takes.</span>
      </p>
    </div>
  )
}

function queryOf(name: string, parts: CoverageView['parts'], isOne: boolean): string {
  const [first] = parts
  return isOne ? `model:${name} name:${first!.key}` : `model:${name} layer:${first!.layer}`
}

function PartTensors({ tensors, onTensor }: { tensors: readonly TensorView[]; onTensor: (name: string) => void }) {
  if (tensors.length === 0) return <p className="text-muted">It has no tensors: its bytes say how the rest is read.</p>
  return (
    <Table label="Tensors" head={['tensor', 'type', 'shape', 'size']}>
      {tensors.map(({ name, dtype, shape, sizeBytes }) => (
        <tr key={name}>
          <td>
            <LinkButton onClick={() => onTensor(name)}>{name}</LinkButton>
          </td>
          <td>{dtype}</td>
          <td className="whitespace-nowrap">{formatShape(shape)}</td>
          <td className="whitespace-nowrap">{formatBytes(sizeBytes)}</td>
        </tr>
      ))}
    </Table>
  )
}

function LinkButton({ onClick, children }: { onClick: () => void; children: string }) {
  return (
    <button type="button" onClick={onClick} className="rounded font-mono text-[13px] text-accent hover:underline">
      {children}
    </button>
  )
}
