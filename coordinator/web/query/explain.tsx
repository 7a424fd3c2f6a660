import type { FoundView } from '#protocol/api/query.ts'
import { shortId } from '../lib/format.ts'

/** How it was looked for, and who was asked. */
export function Explain({ found: { explain, asked } }: { found: FoundView }) {
  if (explain.length === 0 && asked.length === 0) return null
  return (
    <details className="rounded-md bg-raised px-3 py-2">
      <summary className="font-medium">
        How it was found, and who was asked{' '}
        <span className="font-normal text-muted">
          ({asked.length === 0 ? 'no peer' : asked.length === 1 ? '1 peer' : `${asked.length} peers`})
        </span>
      </summary>
      <ul className="mt-2 list-disc pl-5">
        {explain.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      {asked.length > 0 && (
        <ul className="mt-2 grid gap-0.5 text-[13px]">
          {asked.map(({ peerId, rows, error }) => (
            <li key={peerId}>
              <span className="font-mono" title={peerId}>
                {shortId(peerId)}
              </span>{' '}
              {error === undefined ? (
                `${rows} ${rows === 1 ? 'row' : 'rows'}`
              ) : (
                <span className="text-danger">gave no answer: {error}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </details>
  )
}
