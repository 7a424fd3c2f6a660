import type { SqlView } from '#protocol/api/control.ts'

type Value = SqlView['rows'][number][number]

/** More is for the CSV. */
const shownMax = 500

/** Rows as they came, each column with the type of its values. */
export function ResultTable({ result: { columns, rows } }: { result: SqlView }) {
  const types = columns.map((_, at) => typeOf(rows.map((row) => row[at] ?? null)))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
    <section aria-label="Rows" tabIndex={0} className="max-h-[32rem] overflow-auto">
      <table className="w-full border-collapse text-left text-[13px]">
        <thead className="sticky top-0 bg-panel">
          <tr className="border-b border-line">
            {columns.map((name, at) => (
              <th
                // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name.
                key={at}
                scope="col"
                className={`px-2 py-1.5 font-medium whitespace-nowrap ${types[at] === 'number' ? 'text-right' : ''}`}
              >
                {name} <span className="font-normal text-muted">{types[at]}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shownMax).map((row, number) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity, and are replaced as a whole.
            <tr key={number} className="border-b border-line last:border-0">
              {columns.map((_, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above.
                <Cell key={at} value={row[at] ?? null} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > shownMax && (
        <p className="p-2 text-muted">
          The first {shownMax} of {rows.length} rows; the CSV has all of them.
        </p>
      )}
    </section>
  )
}

function Cell({ value }: { value: Value }) {
  if (value === null) return <td className="px-2 py-1 text-muted">null</td>
  if (typeof value === 'number') return <td className="px-2 py-1 text-right">{value}</td>
  return (
    <td className="max-w-96 truncate px-2 py-1 font-mono" title={value}>
      {value}
    </td>
  )
}

/** What the values are: an answer names its columns, not their types. */
function typeOf(values: readonly Value[]): string {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return 'null'
  if (known.every((value) => typeof value === 'number')) return 'number'
  if (known.every((value) => typeof value === 'string' && value.startsWith('0x'))) return 'bytes'
  return known.every((value) => typeof value === 'string') ? 'text' : 'mixed'
}
