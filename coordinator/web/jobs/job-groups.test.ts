import { expect, test } from 'vitest'
import type { JobView } from '#protocol/api/jobs.ts'
import { groupJobs } from './job-groups.ts'

function job(jobId: string, parentJobId?: string): JobView {
  return {
    jobId,
    kind: 'chat',
    state: 'succeeded',
    phases: [],
    reason: '',
    privacy: 'public',
    createdAtMs: 0,
    updatedAtMs: 0,
    attempts: [],
    chargedWei: '0',
    ...(parentJobId === undefined ? {} : { parentJobId }),
  }
}

const shapeOf = (groups: ReturnType<typeof groupJobs>) =>
  groups.map(({ jobId, job: parent, children }) => [jobId, parent !== undefined, children.map((child) => child.jobId)])

test('groups: children stand under their parent, which stands where its newest child does; each job is there once', () => {
  const jobs = [job('9'), job('8', '3'), job('7'), job('6', '3'), job('3'), job('1')]
  expect(shapeOf(groupJobs(jobs, []))).toEqual([
    ['9', true, []],
    ['3', true, ['8', '6']],
    ['7', true, []],
    ['1', true, []],
  ])
})

test('groups: a parent of another page is taken from those read besides, and missed until then', () => {
  const jobs = [job('8', '3'), job('7')]
  expect(shapeOf(groupJobs(jobs, []))).toEqual([
    ['3', false, ['8']],
    ['7', true, []],
  ])
  expect(shapeOf(groupJobs(jobs, [job('3')]))[0]).toEqual(['3', true, ['8']])
})
