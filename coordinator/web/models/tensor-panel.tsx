import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { TensorView } from '#protocol/api/control.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { formatBytes } from '#protocol/units.ts'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { formatCompact, formatCount } from '../lib/format.ts'
import { BringHere } from './bring-here.tsx'
import { Fact } from './fact.tsx'
import { HeatMap, HeatScale } from './heat-map.tsx'
import { Histogram } from './histogram.tsx'
import { tensorRowsQuery, tensorStatsQuery } from './queries.ts'
import { formatShape, rowsAndColumns } from './shape.ts'
import { formatValue } from './value.ts'

/** Of one answer, as JSON about a MiB. */
const valuesPerPage = 48 * 1024
const rowsPerPageMax = 128

interface TensorPanelProps {
  model: { modelId: string; name: string }
  tensor: TensorView
  firstRow: number
  onRow: (row: number) => void
  onPart: (key: string) => void
}

/** What a tensor is and, where its bytes are at hand, what its values look like. */
export function TensorPanel({ model, tensor, firstRow, onRow, onPart }: TensorPanelProps) {
  const { name, dtype, shape, sizeBytes, component, isHeld, isReadable } = tensor
  const parameters = shape.reduce((product, size) => product * size, 1)
  return (
    <div className="grid grid-cols-1 gap-4">
      <h3 className="font-semibold">
        <CopyText text={name} label="the name" />
      </h3>
      <dl className="grid grid-cols-[repeat(auto-fill,minmax(5.5rem,1fr))] gap-x-3 gap-y-2">
        <Fact name="type">{dtype}</Fact>
        <Fact name="shape">{formatShape(shape)}</Fact>
        <Fact name="values">
          <span title={formatCount(parameters)}>{formatCompact(parameters)}</span>
        </Fact>
        <Fact name="size">
          <span title={`${formatCount(sizeBytes)} bytes`}>{formatBytes(sizeBytes)}</span>
        </Fact>
        <Fact name="component">
          <button
            type="button"
            onClick={() => onPart(component)}
            className="rounded font-mono text-[13px] text-accent hover:underline"
          >
            {component}
          </button>
        </Fact>
      </dl>
      {!isReadable ? (
        <p className="text-muted">
          Values of the type {dtype} can be stored and served, but not decoded here: there is no picture of them.
        </p>
      ) : isHeld ? (
        <Picture model={model} tensor={tensor} firstRow={firstRow} onRow={onRow} />
      ) : (
        <BringHere model={model} components={[component]} sizeBytes={sizeBytes} />
      )}
    </div>
  )
}

function Picture({ model, tensor, firstRow, onRow }: Omit<TensorPanelProps, 'onPart'>) {
  const { rows, columns } = rowsAndColumns(tensor.shape)
  const pageRows = Math.max(1, Math.min(rowsPerPageMax, rows, Math.floor(valuesPerPage / columns)))
  const first = Math.min(Math.max(0, firstRow), rows - pageRows)
  const last = first + pageRows - 1
  const stats = useQuery(tensorStatsQuery(model.modelId, tensor.name))
  // One after the other: each is a look into the file.
  const page = useQuery({
    ...tensorRowsQuery(model.modelId, tensor.name, first, last),
    enabled: stats.isSuccess,
    placeholderData: keepPreviousData,
  })
  const error = stats.error ?? page.error
  // Held when the list was read, and evicted since.
  if (isHartonomousError(error, 'ERR_NOT_HELD'))
    return <BringHere model={model} components={[tensor.component]} sizeBytes={tensor.sizeBytes} />
  if (error !== null)
    return (
      <ErrorNotice
        error={error}
        onRetry={() => {
          void stats.refetch()
          void page.refetch()
        }}
      />
    )
  const figures = stats.data?.stats
  if (figures === undefined) return <Skeleton className="h-64 w-full" />
  const { min, max, mean, deviation, zeros, nonFinite, count, kurtosis, histogram, grid } = figures
  // Beyond 2.5 times the root mean square all is as strong: a few outliers would make all else pale.
  const limit = 2.5 * Math.hypot(mean, deviation) || 1
  const drawn = page.data?.rows
  return (
    <>
      <dl className="grid grid-cols-[repeat(auto-fill,minmax(5.5rem,1fr))] gap-x-3 gap-y-2">
        <Fact name="min">{formatValue(min)}</Fact>
        <Fact name="max">{formatValue(max)}</Fact>
        <Fact name="mean">{formatValue(mean)}</Fact>
        <Fact name="deviation">{formatValue(deviation)}</Fact>
        <Fact name="kurtosis">
          <span title="3 for a normal distribution, more where a few weights are large">{formatValue(kurtosis)}</span>
        </Fact>
        <Fact name="zeros">{formatCount(zeros)}</Fact>
        {nonFinite > 0 && <Fact name="not finite">{formatCount(nonFinite)}</Fact>}
      </dl>
      <figure className="grid grid-cols-1 gap-1">
        <figcaption className="flex flex-wrap items-center justify-between gap-2">
          <span className="font-medium">
            {rows === 1 ? 'All values' : `Rows ${formatCount(first)}–${formatCount(last)} of ${formatCount(rows)}`}
          </span>
          {pageRows < rows && (
            <span className="flex items-center gap-1">
              <Button tone="quiet" disabled={first === 0} onClick={() => onRow(Math.max(0, first - pageRows))}>
                Earlier
              </Button>
              <input
                type="range"
                min={0}
                max={rows - pageRows}
                step={pageRows}
                value={first}
                onChange={({ target }) => onRow(Number(target.value))}
                aria-label="First row that is drawn"
                className="w-28 accent-accent"
              />
              <Button
                tone="quiet"
                disabled={last >= rows - 1}
                onClick={() => onRow(Math.min(rows - pageRows, first + pageRows))}
              >
                Later
              </Button>
            </span>
          )}
        </figcaption>
        {drawn === undefined ? (
          <Skeleton className="h-96 w-full" />
        ) : (
          <div className={page.isPlaceholderData ? 'opacity-50' : ''}>
            <HeatMap
              values={drawn.values.flat()}
              columns={columns}
              limit={limit}
              nameOf={(row, column) => `row ${drawn.first + row}, column ${column}`}
              label={`Values of ${tensor.name}, rows ${drawn.first} to ${drawn.first + drawn.values.length - 1}, ${columns} columns`}
            />
          </div>
        )}
      </figure>
      {grid.rows > 1 && pageRows < rows && (
        <figure className="grid grid-cols-1 gap-1">
          <figcaption className="font-medium">
            All of it: {grid.rows} evenly chosen rows{grid.columns < columns && ', neighbouring columns as their mean'}
          </figcaption>
          <HeatMap
            values={grid.values}
            columns={grid.columns}
            limit={limit}
            nameOf={(row, column) =>
              `row ${Math.floor((row * rows) / grid.rows)}, column ${Math.floor((column * columns) / grid.columns)}`
            }
            label={`Overview of ${tensor.name}`}
          />
        </figure>
      )}
      <HeatScale limit={limit} />
      <Histogram histogram={histogram} count={count - nonFinite} />
    </>
  )
}
