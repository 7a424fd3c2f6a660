import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../app/client.ts'
import { useScope } from '../app/session.ts'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { ErrorNotice } from '../components/notice.tsx'
import { shortHart } from './hart.tsx'

/** On a development chain only: HART and gas to try with, by the owner's button or the owner's command. */
export function TestFunds({ address }: { address: string }) {
  const queries = useQueryClient()
  const mayGive = useScope('admin')
  const [isBusy, setBusy] = useState(false)
  const [given, setGiven] = useState<string>()
  const [error, setError] = useState<unknown>()
  const give = async () => {
    setBusy(true)
    setError(undefined)
    try {
      const { hartWei } = await client.call('fundAccount', { params: { address } })
      setGiven(`${shortHart(BigInt(hartWei))} HART and gas were sent.`)
      await queries.invalidateQueries({ queryKey: ['chain'] })
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-md bg-raised px-3 py-2 text-[13px]">
      <span>This is a development chain: its HART is worth nothing, and is there to try with.</span>
      {mayGive ? (
        <Button isBusy={isBusy} onClick={() => void give()}>
          Get test HART
        </Button>
      ) : (
        <span>
          Who runs this coordinator can send some:{' '}
          <CopyText text={`hart chain fund ${address}`} label="the command that gives test HART" />
        </span>
      )}
      {given !== undefined && <span role="status">{given}</span>}
      {error !== undefined && <ErrorNotice error={error} />}
    </div>
  )
}
