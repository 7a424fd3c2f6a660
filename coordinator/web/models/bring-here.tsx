import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes, GiB } from '#protocol/units.ts'
import { client } from '../app/client.ts'
import { useScope } from '../app/session.ts'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { holdersQuery } from './queries.ts'

interface BringHereProps {
  model: { modelId: string; name: string }
  /** Absent: all of it. */
  components?: readonly string[]
  sizeBytes: number
}

/** A job of the kind `pull`: the coordinator's own node fetches the bytes, so that they can be looked into here. */
export function BringHere({ model, components, sizeBytes }: BringHereProps) {
  const { modelId, name } = model
  const queries = useQueryClient()
  const mayPull = useScope('jobs:write')
  const submit = useMutation({
    mutationFn: () =>
      client.call('submitJob', {
        body: {
          work: { kind: 'pull', model: modelId, ...(components === undefined ? {} : { components: [...components] }) },
        },
      }),
  })
  const jobId = submit.data?.jobId
  // News of the job come by the event stream.
  const { data: job } = useQuery({
    queryKey: ['job', jobId],
    enabled: jobId !== undefined,
    queryFn: ({ signal }) => client.call('getJob', { params: { jobId: jobId! } }, { signal }),
  })
  const isDone = job?.state === 'succeeded'
  useEffect(() => {
    if (!isDone) return
    for (const key of ['models', 'components', 'tensors']) void queries.invalidateQueries({ queryKey: [key] })
    void queries.resetQueries({ queryKey: ['tensor', modelId], predicate: ({ state }) => state.status === 'error' })
  }, [isDone, queries, modelId])

  const command = `hart pull ${name}${components === undefined ? '' : ` --components ${components.join(',')}`}`
  const isRunning = submit.isPending || (jobId !== undefined && job?.finishedAtMs === undefined)
  const fetching = job?.phases.find(({ phase }) => phase === 'fetching')
  return (
    <section aria-label="Bring it here" className="grid grid-cols-1 gap-2 rounded-md bg-raised px-3 py-2">
      <p>
        {formatBytes(sizeBytes)} of it are not on the coordinator's own node, and only what is there can be looked into.{' '}
        {mayPull && <Cost modelId={modelId} sizeBytes={sizeBytes} />}
      </p>
      {mayPull && (
        <div className="flex flex-wrap items-center gap-3">
          <Button isBusy={isRunning} onClick={() => submit.mutate()}>
            Bring these bytes here
          </Button>
          {jobId !== undefined && (
            <span role="status" className="min-w-0 text-[13px] text-muted">
              {job === undefined ? 'asked for' : `${job.state}: ${job.reason}`}
              {fetching?.done !== undefined && isRunning && ` (${fetching.done} of ${fetching.total} chunks)`}{' '}
              <Link to="/jobs/$jobId" params={{ jobId }} className="text-accent underline">
                the job
              </Link>
            </span>
          )}
        </div>
      )}
      <p className="text-[13px] text-muted">
        {mayPull ? 'Or' : 'Its operator can bring it here. Or have it'} on a node of your own:{' '}
        <CopyText text={command} label="the command" />
      </p>
      {submit.error !== null && <ErrorNotice error={submit.error} />}
      {job?.error !== undefined && (
        <p role="alert" className="text-[13px] text-danger">
          <code className="font-mono">{job.error.code}</code> {job.error.message}
        </p>
      )}
    </section>
  )
}

/** At most: what the dearest holder asks for as many bytes. */
function Cost({ modelId, sizeBytes }: { modelId: string; sizeBytes: number }) {
  const { data } = useQuery(holdersQuery(modelId))
  const prices = data?.flatMap(({ price }) => (price === undefined ? [] : [BigInt(price.weiPerGiB)]))
  if (prices === undefined || prices.length === 0) return null
  const dearest = prices.sort((a, b) => Number(b - a))[0]!
  if (dearest === 0n) return <>Its holders give it for free.</>
  // In thousandths of a HART, rounded up.
  const milliWei = 10n ** 15n
  const costWei = (dearest * BigInt(Math.ceil(sizeBytes))) / BigInt(GiB)
  const shownWei = ((costWei + milliWei - 1n) / milliWei) * milliWei
  return <>It costs up to {formatHart(shownWei)} HART, at what its dearest holder asks.</>
}
