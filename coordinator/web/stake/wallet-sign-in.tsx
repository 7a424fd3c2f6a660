import { useState } from 'react'
import type { z } from 'zod'
import { errorFromProblem } from '#protocol/api/error.ts'
import type { routesElsewhere } from '#protocol/api/routes/elsewhere.ts'
import { useSignIn } from '../app/session.ts'
import { Button } from '../components/button.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { shortId } from '../lib/format.ts'
import { tellFailure } from './failure.ts'
import { type ConnectedWallet, useWallets } from './wallet.ts'
import { WalletList } from './wallet-picker.tsx'

type Challenge = z.output<(typeof routesElsewhere)['walletNonce']['answer']['schema']>
type Session = z.output<(typeof routesElsewhere)['walletSignIn']['answer']['schema']>

/** Signing in with a wallet: a message with a nonce of this coordinator, for an hour. It moves nothing and allows nothing on the chain. */
export function WalletSignIn({ onDone }: { onDone: () => void }) {
  const { connected } = useWallets()
  const { signIn } = useSignIn()
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const [error, setError] = useState<unknown>()
  const sign = async (wallet: ConnectedWallet) => {
    setBusy(true)
    setProblem(undefined)
    setError(undefined)
    const { failureOf, signInMessage } = await import('../lib/chain.ts')
    try {
      const challenge = await post<Challenge>('/api/v1/auth/siwe/nonce')
      const signed = await signInMessage(wallet.detail.provider, wallet.account, challenge, location).catch((cause) => {
        const { text, remedy } = tellFailure(failureOf(cause))
        setProblem(`${text} ${remedy}`)
        return undefined
      })
      if (signed === undefined) return
      const { token } = await post<Session>('/api/v1/auth/siwe', signed)
      await signIn(token)
      onDone()
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(false)
    }
  }
  return (
    <section aria-label="Sign in with a wallet" className="grid gap-2">
      <p className="font-medium">You have a wallet</p>
      {connected === undefined ? (
        <WalletList onConnected={() => undefined} />
      ) : (
        <Button className="justify-self-start" isBusy={isBusy} onClick={() => void sign(connected)}>
          {isBusy ? 'Answer in the wallet' : `Sign in as ${shortId(connected.account)}`}
        </Button>
      )}
      {problem !== undefined && <p role="status">{problem}</p>}
      {error !== undefined && <ErrorNotice error={error} />}
    </section>
  )
}

async function post<T>(path: string, body?: unknown): Promise<T> {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json' } }
  const response = await fetch(path, body === undefined ? { method: 'POST' } : { ...sent, body: JSON.stringify(body) })
  if (!response.ok) throw errorFromProblem(response.status, await response.text(), path)
  return (await response.json()) as T
}
