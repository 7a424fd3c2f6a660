import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { JobEvent } from '#protocol/api/jobs.ts'
import { formatDuration } from '#protocol/units.ts'
import { client } from '../app/client.ts'
import { useScope } from '../app/session.ts'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { Table } from '../components/table.tsx'

type StepEvent = Extract<JobEvent, { type: 'step' }>

interface StepState {
  step: string
  status: StepEvent['status']
  startedAtMs: number
  endedAtMs?: number
  detail?: string
}

/** The last that was told of each step, in the order in which they began. */
export function stepsOf(events: readonly JobEvent[]): StepState[] {
  const steps = new Map<string, StepState>()
  for (const event of events) {
    if (event.type !== 'step') continue
    const { step, status, atMs, detail } = event
    const isEnd = status === 'succeeded' || status === 'failed'
    steps.set(step, {
      step,
      status,
      startedAtMs: status === 'started' ? atMs : (steps.get(step)?.startedAtMs ?? atMs),
      ...(isEnd ? { endedAtMs: atMs } : {}),
      ...(detail === undefined ? {} : { detail }),
    })
  }
  return [...steps.values()]
}

const statusWords = { started: '▸ at work', succeeded: '✓ done', failed: '✕ failed', waiting: '‖ waits' } as const

export function WorkflowSteps({ steps }: { steps: readonly StepState[] }) {
  return (
    <Table label="Steps" head={['Step', 'State', 'Took', 'What']}>
      {steps.map(({ step, status, startedAtMs, endedAtMs, detail }) => (
        <tr key={step} className="align-top">
          <td className="font-mono text-[13px]">{step}</td>
          <td className="whitespace-nowrap">{statusWords[status]}</td>
          <td className="whitespace-nowrap">
            {endedAtMs === undefined ? '' : formatDuration(endedAtMs - startedAtMs)}
          </td>
          <td className="break-words">{detail}</td>
        </tr>
      ))}
    </Table>
  )
}

/** A step that waits for a person: its question, yes and no. */
export function Approval({ jobId, step, question }: { jobId: string; step: string; question: string }) {
  const queries = useQueryClient()
  const mayAnswer = useScope('jobs:write')
  const [busy, setBusy] = useState<'yes' | 'no'>()
  const [error, setError] = useState<unknown>()
  const answer = async (isApproved: boolean) => {
    setBusy(isApproved ? 'yes' : 'no')
    setError(undefined)
    try {
      await client.call('approveJob', { params: { jobId }, body: { step, isApproved } })
      await queries.invalidateQueries({ queryKey: ['job', jobId] })
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(undefined)
    }
  }
  return (
    <div className="grid gap-2">
      <p className="wrap-anywhere whitespace-pre-wrap">{question}</p>
      <p className="flex flex-wrap items-center gap-2">
        <Button
          tone="primary"
          disabled={!mayAnswer || busy !== undefined}
          isBusy={busy === 'yes'}
          onClick={() => void answer(true)}
        >
          Approve
        </Button>
        <Button
          tone="danger"
          disabled={!mayAnswer || busy !== undefined}
          isBusy={busy === 'no'}
          onClick={() => void answer(false)}
        >
          Refuse
        </Button>
        <span className="text-[13px] text-muted">
          Step <code className="font-mono">{step}</code>. Refusing fails the workflow.
        </span>
      </p>
      {error !== undefined && <ErrorNotice error={error} />}
    </div>
  )
}
