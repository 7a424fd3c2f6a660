import { useQuery } from '@tanstack/react-query'
import { type FormEvent, lazy, Suspense, useState } from 'react'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field } from '../components/field.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { aboutQuery } from './queries.ts'
import { useIdentity, useSignIn } from './session.ts'

const WalletSignIn = lazy(async () => ({ default: (await import('../stake/wallet-sign-in.tsx')).WalletSignIn }))

/** Why the link that opened this page let nobody in. */
let sessionProblem: string | undefined
export function setSessionProblem(problem: string | undefined): void {
  sessionProblem = problem
}

/** Who looks, and how to become somebody else. */
export function SignIn() {
  const identity = useIdentity()
  const [isOpen, setOpen] = useState(sessionProblem !== undefined)
  const { signOut } = useSignIn()
  if (identity !== undefined && identity.method !== 'anonymous')
    return (
      <div className="flex items-center gap-2">
        <span className="max-w-40 truncate text-muted" title={`${identity.name}, ${identity.role}`}>
          {identity.name}
        </span>
        <Button tone="quiet" onClick={() => void signOut()}>
          Sign out
        </Button>
      </div>
    )
  return (
    <>
      <Button onClick={() => setOpen(true)}>Sign in</Button>
      <Dialog title="Sign in" isOpen={isOpen} onClose={() => setOpen(false)}>
        {sessionProblem !== undefined && <p className="mb-4 text-danger">{sessionProblem}</p>}
        <SignInWays onDone={() => setOpen(false)} />
      </Dialog>
    </>
  )
}

/** Also where a page needs more than a visitor may do. */
export function SignInWays({ onDone }: { onDone: () => void }) {
  const { data } = useQuery(aboutQuery)
  const { signIn } = useSignIn()
  const [key, setKey] = useState('')
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(undefined)
    try {
      await signIn(key.trim())
      onDone()
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="grid gap-5">
      <div>
        <p className="font-medium">You run this coordinator</p>
        <p className="text-muted">
          Print a link on its machine and open it here: <CopyText text="hart coordinator open" label="the command" />
        </p>
      </div>
      {data?.signIn.apiKeys === true && (
        <form onSubmit={(event) => void submit(event)} className="grid gap-2">
          <Field
            label="You have an API key or an access token"
            type="password"
            autoComplete="off"
            value={key}
            onChange={(event) => setKey(event.target.value)}
            hint="It stays in this tab. Keys are made by the operator: hart key create"
          />
          {error !== undefined && <ErrorNotice error={error} />}
          <Button
            type="submit"
            tone="primary"
            isBusy={isBusy}
            disabled={key.trim() === ''}
            className="justify-self-start"
          >
            Sign in
          </Button>
        </form>
      )}
      {data?.signIn.wallets === true && (
        <Suspense fallback={null}>
          <WalletSignIn onDone={onDone} />
        </Suspense>
      )}
      <p className="text-[13px] text-muted">
        Map, models and stake are open to everybody. Signing in is for asking models and for your own jobs.
      </p>
    </div>
  )
}
