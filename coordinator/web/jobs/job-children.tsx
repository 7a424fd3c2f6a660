import { useInfiniteQuery } from '@tanstack/react-query'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Table } from '../components/table.tsx'
import { JobRow, jobColumns, jobTableClass } from './job-row.tsx'
import { jobsQuery } from './queries.ts'

/** The jobs that a batch or a workflow began, newest first. */
export function JobChildren({ jobId }: { jobId: string }) {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    jobsQuery({ parentJobId: jobId }),
  )
  if (error !== null) return <ErrorNotice error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton className="h-24 w-full" />
  const jobs = data.pages.flatMap((page) => page.jobs)
  if (jobs.length === 0) return <p className="text-muted">It has begun none yet.</p>
  return (
    <div className={jobTableClass}>
      <Table label="Jobs of this job" head={jobColumns}>
        {jobs.map((job) => (
          <JobRow key={job.jobId} job={job} />
        ))}
      </Table>
      {hasNextPage && (
        <Button className="mt-2" isBusy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show older
        </Button>
      )}
    </div>
  )
}
