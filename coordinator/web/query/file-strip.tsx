import { useId } from 'react'
import type { LoadPlanView } from '#protocol/api/query.ts'
import { formatBytes } from '#protocol/units.ts'

const widthPx = 1000
const heightPx = 24
/** A range of a huge file is seen, however small it is. */
const rangeWidthMinPx = 2

/** The model's file from its first byte to its last; what is loaded stands out. Of several files, each. */
export function FileStrip({ plan }: { plan: Pick<LoadPlanView, 'ranges' | 'modelBytes'> }) {
  const id = useId()
  const files = [...Map.groupBy(plan.ranges, ({ fileIndex }) => fileIndex)]
  const isOne = files.length === 1 && files[0]![0] === 0
  return (
    <div className="grid grid-cols-1 gap-2">
      {files.map(([fileIndex, ranges]) => {
        const end = Math.max(...ranges.map(({ offsetBytes, sizeBytes }) => offsetBytes + sizeBytes))
        // How large each of several files is, a plan does not say: then the strip ends with what is wanted of it.
        const sizeBytes = isOne ? Math.max(plan.modelBytes, end) : end
        return (
          <figure key={fileIndex} className="grid grid-cols-1 gap-1">
            <svg
              viewBox={`0 0 ${widthPx} ${heightPx}`}
              preserveAspectRatio="none"
              role="img"
              aria-label={`${ranges.length} ranges of a file of ${formatBytes(sizeBytes)}`}
              className="h-6 w-full rounded-sm border border-line-strong bg-raised"
            >
              <defs>
                <pattern id={id} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                  <rect width="6" height="6" className="fill-accent-soft" />
                  <rect width="2.5" height="6" className="fill-accent" />
                </pattern>
              </defs>
              {ranges.map(({ offsetBytes, sizeBytes: size, source }) => (
                <rect
                  key={offsetBytes}
                  x={(widthPx * offsetBytes) / sizeBytes}
                  width={Math.max(rangeWidthMinPx, (widthPx * size) / sizeBytes)}
                  height={heightPx}
                  className={source === 'local' ? 'fill-accent' : ''}
                  {...(source === 'local' ? {} : { fill: `url(#${id})` })}
                >
                  <title>{`from byte ${offsetBytes}: ${formatBytes(size)}, ${source === 'local' ? 'here already' : 'from peers'}`}</title>
                </rect>
              ))}
            </svg>
            <figcaption className="flex flex-wrap justify-between gap-x-4 text-[13px] text-muted">
              <span>{isOne ? 'byte 0' : `file ${fileIndex}, byte 0`}</span>
              <span className="flex flex-wrap gap-x-3">
                <Key className="bg-accent">here already</Key>
                <Key className="coverage-hatch bg-accent">from peers</Key>
                <Key className="bg-raised">not wanted</Key>
              </span>
              <span>{formatBytes(sizeBytes)}</span>
            </figcaption>
          </figure>
        )
      })}
    </div>
  )
}

function Key({ className, children }: { className: string; children: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      <span aria-hidden="true" className={`size-3 rounded-[2px] border border-line-strong ${className}`} />
      {children}
    </span>
  )
}
