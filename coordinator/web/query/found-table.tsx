import { Link } from '@tanstack/react-router'
import { useId } from 'react'
import type { FoundRowView } from '#protocol/api/query.ts'
import { formatBytes } from '#protocol/units.ts'
import { formatCount } from '../lib/format.ts'
import { formatShape } from '../models/shape.ts'

/** More are laid out when they are asked for by a narrower query. */
const shownMax = 500

interface FoundTableProps {
  rows: readonly FoundRowView[]
  chosen: ReadonlySet<string>
  onChosen: (ids: Set<string>) => void
}

export function rowId({ modelId, key }: Pick<FoundRowView, 'modelId' | 'key'>): string {
  return `${modelId}/${key}`
}

/** What was found, in the order of the answer. Chosen rows are planned below. */
export function FoundTable({ rows, chosen, onChosen }: FoundTableProps) {
  const id = useId()
  const hasScores = rows.some(({ score }) => score !== undefined)
  const all = rows.map(rowId)
  const isAll = all.every((each) => chosen.has(each))
  const flip = (ids: readonly string[], isChosen: boolean) => {
    const next = new Set(chosen)
    for (const each of ids) {
      if (isChosen) next.add(each)
      else next.delete(each)
    }
    onChosen(next)
  }
  const head = ['component', 'kind', 'layer', 'size', 'tensors', 'where', hasScores ? 'score' : 'words', 'model']
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
    <section aria-label="Components" tabIndex={0} className="max-h-[32rem] overflow-auto">
      <table className="w-full border-collapse text-left">
        <thead className="sticky top-0 z-1 bg-panel">
          <tr className="border-b border-line text-[13px] text-muted">
            <th scope="col" className="py-1.5 pr-2">
              <input
                type="checkbox"
                checked={isAll}
                onChange={() => flip(all, !isAll)}
                aria-label="Choose all"
                className="size-4 accent-accent"
              />
            </th>
            {head.map((name) => (
              <th key={name} scope="col" className="px-2 py-1.5 font-medium whitespace-nowrap">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="[&_td]:border-b [&_td]:border-line [&_td]:px-2 [&_td]:py-1.5 [&_td:first-child]:pl-0 [&_tr:last-child_td]:border-0">
          {rows.slice(0, shownMax).map((row, at) => (
            <tr key={rowId(row)} data-found={row.key} className={chosen.has(rowId(row)) ? 'bg-accent-soft' : ''}>
              <td>
                <input
                  type="checkbox"
                  checked={chosen.has(rowId(row))}
                  onChange={({ target }) => flip([rowId(row)], target.checked)}
                  aria-labelledby={`${id}-${at}`}
                  className="size-4 accent-accent"
                />
              </td>
              <td>
                <Link
                  id={`${id}-${at}`}
                  to="/models/$model"
                  params={{ model: row.modelId }}
                  search={{ part: row.key, ...(row.layer === undefined ? {} : { open: `layer-${row.layer}` }) }}
                  className="font-mono text-[13px] whitespace-nowrap text-accent hover:underline"
                >
                  {row.key}
                </Link>
              </td>
              <td>{row.kind}</td>
              <td>{row.layer ?? ''}</td>
              <td className="whitespace-nowrap" title={`${formatCount(row.sizeBytes)} bytes`}>
                {formatBytes(row.sizeBytes)}
              </td>
              <td className="whitespace-nowrap" title={tensorLines(row)}>
                {row.tensors.length} {[...new Set(row.tensors.map(({ dtype }) => dtype))].join(' ')}
              </td>
              <td className="whitespace-nowrap">
                <Where row={row} />
              </td>
              <td>{row.score === undefined ? row.words.join(' ') : row.score.toFixed(4)}</td>
              <td className="whitespace-nowrap" title={row.modelId}>
                {row.model}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > shownMax && (
        <p className="p-2 text-muted">{rows.length - shownMax} more rows are found: a narrower query shows them.</p>
      )}
    </section>
  )
}

function tensorLines({ tensors }: FoundRowView): string {
  return tensors.map(({ name, dtype, shape }) => `${name}: ${dtype} ${formatShape(shape)}`).join('\n')
}

function Where({ row: { heldBytes, sizeBytes, holders, isChecked } }: { row: FoundRowView }) {
  const here =
    heldBytes === 0 ? [] : [heldBytes >= sizeBytes ? 'here' : `${Math.floor((100 * heldBytes) / sizeBytes)} % here`]
  const there = holders === 0 ? [] : [`${holders} ${holders === 1 ? 'peer' : 'peers'}`]
  return (
    <>
      {[...here, ...there].join(', ') || 'nobody near'}
      {!isChecked && (
        <span className="text-warn" title="A peer says so: the model's content block was not read here yet.">
          {' '}
          · hearsay
        </span>
      )}
    </>
  )
}
