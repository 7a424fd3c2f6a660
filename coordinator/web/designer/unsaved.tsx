import { useBlocker } from '@tanstack/react-router'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'

interface LeaveDialogProps {
  isDirty: boolean
  /** Asked when somebody goes: what was just saved is not to be asked about. */
  isLosing: () => boolean
}

/** Another page, or another workflow, would lose what was drawn. */
export function LeaveDialog({ isDirty, isLosing }: LeaveDialogProps) {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      isLosing() && (current.pathname !== next.pathname || nameIn(current.search) !== nameIn(next.search)),
    enableBeforeUnload: () => isDirty,
    withResolver: true,
  })
  const isOpen = blocker.status === 'blocked'
  return (
    <Dialog title="Leave without saving?" isOpen={isOpen} onClose={() => blocker.reset?.()}>
      <p className="mb-4">What you drew since it was saved last is lost.</p>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={() => blocker.reset?.()}>Stay</Button>
        <Button tone="danger" onClick={() => blocker.proceed?.()}>
          Leave
        </Button>
      </div>
    </Dialog>
  )
}

function nameIn(search: object): unknown {
  return 'name' in search ? search.name : undefined
}
