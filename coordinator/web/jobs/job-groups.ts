/** A list of jobs with the jobs of a batch or a workflow under the one that began them. */
import type { JobView } from '#protocol/api/jobs.ts'

export interface JobGroup {
  jobId: string
  /** Undefined while the parent is not read yet: its children were on an earlier page. */
  job: JobView | undefined
  /** Of those that are in the list. */
  children: JobView[]
}

/**
 * In the order of the list, newest first; children are newer than their parent, which so moves up to where its last one stands.
 * @param parents those that are not in the list themselves
 */
export function groupJobs(jobs: readonly JobView[], parents: readonly JobView[]): JobGroup[] {
  const known = new Map([...parents, ...jobs].map((job) => [job.jobId, job]))
  const groups = new Map<string, JobGroup>()
  for (const job of jobs) {
    const jobId = job.parentJobId ?? job.jobId
    let group = groups.get(jobId)
    if (group === undefined) {
      group = { jobId, job: known.get(jobId), children: [] }
      groups.set(jobId, group)
    }
    if (job.parentJobId !== undefined) group.children.push(job)
  }
  return [...groups.values()]
}
