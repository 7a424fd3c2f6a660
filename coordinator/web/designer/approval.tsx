import { useMutation } from '@tanstack/react-query'
import { client } from '../app/client.ts'
import { useScope } from '../app/session.ts'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'

/** The answer of a person to a step that waits. */
export function Approval({ jobId, step, question }: { jobId: string; step: string; question: string }) {
  const mayAnswer = useScope('jobs:write')
  const answer = useMutation({
    mutationFn: (isApproved: boolean) => client.call('approveJob', { params: { jobId }, body: { step, isApproved } }),
  })
  // Until the run goes on, and says so: nobody answers twice.
  const isAnswered = answer.isPending || answer.isSuccess
  return (
    <div className="grid gap-2 rounded-md border border-warn bg-warn-soft px-3 py-2">
      <p className="font-medium">{step} waits for you</p>
      <p className="max-h-48 overflow-y-auto break-words whitespace-pre-wrap">{question}</p>
      <div className="flex flex-wrap gap-2">
        <Button tone="primary" disabled={!mayAnswer || isAnswered} onClick={() => answer.mutate(true)}>
          Yes, go on
        </Button>
        <Button tone="danger" disabled={!mayAnswer || isAnswered} onClick={() => answer.mutate(false)}>
          No, stop
        </Button>
      </div>
      {answer.error !== null && <ErrorNotice error={answer.error} />}
    </div>
  )
}
