import type { LoadPlanView } from '#protocol/api/query.ts'
import { formatBytes, formatDuration } from '#protocol/units.ts'
import { Table } from '../components/table.tsx'
import { Tip } from '../components/tip.tsx'
import { formatCount, shortId } from '../lib/format.ts'
import { FileStrip } from './file-strip.tsx'

/** What loading would take: which bytes of which file, from whom, and how long. */
export function PlanView({ plan }: { plan: LoadPlanView }) {
  const { model, components, componentCount, sizeBytes, modelBytes, localBytes, missingBytes, sources, ranges } = plan
  const share = (100 * sizeBytes) / Math.max(1, modelBytes)
  return (
    <section aria-label={`Plan for ${model}`} className="grid grid-cols-1 gap-3">
      <div>
        <h3 className="font-semibold">
          {formatBytes(sizeBytes)} of {model}, {share >= 99.5 ? 'all of it' : `${share.toFixed(share < 10 ? 1 : 0)} %`}
        </h3>
        <p className="text-muted">
          {components.length} of {componentCount} components in {ranges.length}{' '}
          {ranges.length === 1 ? 'range' : 'ranges'}, in about {formatDuration(plan.expectedMs)}{' '}
          <Tip
            text={
              plan.isRateMeasured
                ? 'At the rate of what this node fetched from peers before.'
                : 'At an assumed rate: this node has fetched nothing from peers yet.'
            }
            label="How the time is estimated"
          />
        </p>
      </div>
      <FileStrip plan={plan} />
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Amount name="here already" bytes={localBytes} />
        <Amount name="from peers" bytes={sizeBytes - localBytes - missingBytes} />
        <Amount name="nobody has" bytes={missingBytes} isBad={missingBytes > 0} />
        <div>
          <dt className="text-[13px] text-muted">may be</dt>
          <dd title={plan.execution.reason}>{plan.execution.class === 'E1' ? 'run: E1, exact' : 'looked at: E0'}</dd>
        </div>
      </dl>
      <p className="text-[13px] text-muted">{plan.execution.reason}</p>
      {sources.length > 0 && (
        <p className="text-[13px]">
          Sources:{' '}
          {sources.map(({ peerId, sizeBytes: size }, at) => (
            <span key={peerId} title={`${peerId} holds ${formatCount(size)} bytes of it`}>
              {at > 0 && ', '}
              <span className="font-mono">{shortId(peerId)}</span> {formatBytes(size)}
            </span>
          ))}
        </p>
      )}
      <details>
        <summary className="text-[13px] text-muted">Ranges, and the hashes that they are checked against</summary>
        <div className="mt-2 max-h-72 overflow-y-auto">
          <Table label="Ranges" head={['file', 'from byte', 'size', 'chunks', 'source', 'first root']}>
            {ranges.map(({ fileIndex, offsetBytes, sizeBytes: size, chunkCount, source, roots }) => (
              <tr key={`${fileIndex} ${offsetBytes}`}>
                <td>{fileIndex}</td>
                <td>{formatCount(offsetBytes)}</td>
                <td className="whitespace-nowrap">{formatBytes(size)}</td>
                <td>{chunkCount}</td>
                <td>{source === 'local' ? 'here' : 'peers'}</td>
                <td className="font-mono text-[13px]" title={roots.join('\n')}>
                  {roots[0]?.slice(0, 12)}
                  {roots.length > 1 && ` and ${roots.length - 1} more`}
                </td>
              </tr>
            ))}
          </Table>
        </div>
      </details>
    </section>
  )
}

function Amount({ name, bytes, isBad = false }: { name: string; bytes: number; isBad?: boolean }) {
  return (
    <div>
      <dt className="text-[13px] text-muted">{name}</dt>
      <dd className={isBad ? 'font-medium text-danger' : ''} title={`${formatCount(bytes)} bytes`}>
        {bytes === 0 ? 'nothing' : formatBytes(bytes)}
      </dd>
    </div>
  )
}
