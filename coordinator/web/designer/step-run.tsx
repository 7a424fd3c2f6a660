import type { WorkflowStep } from '#protocol/api/workflow.ts'
import { Approval } from './approval.tsx'
import type { Run } from './run.ts'
import { StepMark } from './step-mark.tsx'
import { ValueText } from './value-text.tsx'

/** What became of a step in the run that is shown. */
export function StepRunView({ step, run }: { step: WorkflowStep; run: Run | undefined }) {
  const stepRun = run?.steps.get(step.id)
  if (run === undefined || stepRun === undefined) return null
  const { status, detail, value } = stepRun
  return (
    <section aria-label="In this run" className="mb-3 grid gap-2 border-b border-line pb-3">
      <p className="flex flex-wrap items-center gap-x-3">
        <StepMark run={stepRun} />
        {status !== 'waiting' && status !== 'passed over' && detail !== undefined && (
          <span className={`break-words ${status === 'failed' ? 'text-danger' : 'text-muted'}`}>{detail}</span>
        )}
      </p>
      {status === 'waiting' && <Approval jobId={run.jobId} step={step.id} question={detail ?? ''} />}
      {value !== undefined && <ValueText value={value} label={`Value of ${step.id}`} />}
      {status === 'succeeded' && value === undefined && (
        <p className="text-[13px] text-muted">Its value is longer than 16 KiB: steps have it, this page has not.</p>
      )}
    </section>
  )
}
