import { useState } from 'react'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { useIdentity } from './session.ts'
import { SignInWays } from './sign-in.tsx'

/** Where a visitor has come to the end of what everybody sees: what is behind it, and the way there. */
export function SignInHint({ what, scope }: { what: string; scope: string }) {
  const identity = useIdentity()
  const [isOpen, setOpen] = useState(false)
  const isVisitor = identity === undefined || identity.method === 'anonymous'
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 rounded-md bg-accent-soft px-3 py-2">
      <p className="min-w-0 flex-1 basis-60">
        {what} {isVisitor ? 'needs a sign-in' : 'is not among your rights'} (<code className="font-mono">{scope}</code>
        ).
      </p>
      <Button onClick={() => setOpen(true)}>{isVisitor ? 'How to sign in' : 'Sign in as somebody else'}</Button>
      <Dialog title="Sign in" isOpen={isOpen} onClose={() => setOpen(false)}>
        <SignInWays onDone={() => setOpen(false)} />
      </Dialog>
    </div>
  )
}
