import { Link } from '@tanstack/react-router'
import type { JobResult as Result } from '#protocol/api/jobs.ts'
import { formatBytes } from '#protocol/units.ts'
import { Table } from '../components/table.tsx'
import { formatCount } from '../lib/format.ts'
import { TextBlock } from './text-block.tsx'

const rowsShownMax = 100
const numbersShown = 6

export function JobResult({ result }: { result: Result }) {
  switch (result.kind) {
    case 'chat':
    case 'completion':
      return (
        <>
          <TextBlock text={result.text} label="the answer" />
          <p className="mt-1 text-[13px] text-muted">
            {result.promptTokens} tokens of the prompt, {result.completionTokens} of the answer;{' '}
            {result.finishReason === 'stop' ? 'it came to its end' : 'cut at the most tokens that were allowed'}
          </p>
        </>
      )
    case 'embedding':
      return <Vectors {...result} />
    case 'pull':
      return (
        <p>
          <Link to="/models/$model" params={{ model: result.modelId }} className="text-accent underline">
            {result.name}
          </Link>
          , {formatBytes(result.bytes)} came
        </p>
      )
    case 'batch':
      return <Items items={result.items} />
    case 'workflow': {
      const { output } = result
      const text = typeof output === 'string' ? output : JSON.stringify(output, undefined, 2)
      return <TextBlock text={text ?? 'nothing'} label="the output" />
    }
  }
}

function Vectors({ vectors, dimensions, quality }: Extract<Result, { kind: 'embedding' }>) {
  return (
    <>
      <p>
        {formatCount(vectors.length)} {vectors.length === 1 ? 'vector' : 'vectors'} of {formatCount(dimensions)}{' '}
        numbers;{' '}
        {quality === 'encoder' ? 'made by an encoder' : 'low quality: of a model that was not made for vectors'}
      </p>
      <Table label="Vectors" head={['Text', 'Length', 'First numbers']}>
        {vectors.slice(0, rowsShownMax).map((vector, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a result does not change.
          <tr key={index}>
            <td>{index + 1}</td>
            <td>{Math.hypot(...vector).toFixed(4)}</td>
            <td className="font-mono text-[13px] whitespace-nowrap">
              {vector
                .slice(0, numbersShown)
                .map((value) => value.toFixed(4))
                .join('  ')}
              {vector.length > numbersShown ? ' …' : ''}
            </td>
          </tr>
        ))}
      </Table>
    </>
  )
}

function Items({ items }: Pick<Extract<Result, { kind: 'batch' }>, 'items'>) {
  const failed = items.filter(({ error }) => error !== undefined).length
  return (
    <>
      <p>
        {formatCount(items.length - failed)} of {formatCount(items.length)} items have a result
        {items.length > rowsShownMax ? `; the first ${rowsShownMax} are shown, all are in the result as JSONL` : ''}
      </p>
      <Table label="Items of the batch" head={['Item', 'Result', 'Job']}>
        {items.slice(0, rowsShownMax).map(({ id, jobId, result, error }) => (
          <tr key={jobId} className="align-top">
            <td className="break-all">{id}</td>
            <td className="min-w-52 wrap-anywhere whitespace-pre-wrap">
              {error === undefined ? summaryOf(result) : `failed: ${error.code}, ${error.message}`}
            </td>
            <td>
              <Link to="/jobs/$jobId" params={{ jobId }} className="font-mono text-[13px] text-accent underline">
                {jobId.slice(-8)}
              </Link>
            </td>
          </tr>
        ))}
      </Table>
    </>
  )
}

function summaryOf(result: Result | undefined): string {
  if (result === undefined) return 'nothing'
  if (result.kind === 'chat' || result.kind === 'completion') return result.text
  return result.kind === 'embedding' ? `${result.vectors.length} vectors of ${result.dimensions} numbers` : result.kind
}
