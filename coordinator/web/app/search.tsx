import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { client } from './client.ts'
import { modelsQuery, snapshotQuery } from './queries.ts'

/** Goes to a node, a model, a job or an account by its id, the beginning of it, or a name. `/` gets here. */
export function Search() {
  const navigate = useNavigate()
  const queries = useQueryClient()
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState('')
  const [isMissing, setMissing] = useState(false)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test((event.target as Element).tagName)
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return
      event.preventDefault()
      input.current?.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

  const find = async (wanted: string): Promise<boolean> => {
    if (/^0x[0-9a-f]{40}$/i.test(wanted)) {
      await navigate({ to: '/stake', search: { address: wanted } as never })
      return true
    }
    const { nodes } = await queries.ensureQueryData(snapshotQuery)
    const node = nodes.find(({ peerId }) => peerId.startsWith(wanted) || peerId.endsWith(wanted))
    if (node !== undefined) {
      await navigate({ to: '/nodes/$peerId', params: { peerId: node.peerId } })
      return true
    }
    const models = await queries.ensureQueryData(modelsQuery)
    const lower = wanted.toLowerCase()
    const model = models.find(({ modelId, name }) => modelId.startsWith(wanted) || name.toLowerCase().includes(lower))
    if (model !== undefined) {
      await navigate({ to: '/models/$model', params: { model: model.modelId } })
      return true
    }
    const job = await client.call('getJob', { params: { jobId: wanted } }).catch(() => undefined)
    if (job === undefined) return false
    await navigate({ to: '/jobs/$jobId', params: { jobId: job.jobId } })
    return true
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const wanted = text.trim()
    if (wanted === '') return
    const isFound = await find(wanted).catch(() => false)
    setMissing(!isFound)
    if (isFound) setText('')
  }
  return (
    <search>
      <form className="flex" onSubmit={(event) => void submit(event)}>
        <input
          ref={input}
          type="search"
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            setMissing(false)
          }}
          aria-label="Find a node, model, job or account"
          aria-invalid={isMissing}
          aria-describedby="search-problem"
          placeholder="node, model, job, 0x…   /"
          className="w-36 rounded-md border border-line-strong bg-panel px-2 py-1 focus:w-56 sm:w-52"
        />
        <span
          id="search-problem"
          role="status"
          className="absolute z-10 mt-9 rounded-md border border-line-strong bg-panel px-2 py-1 text-[13px] shadow-lg empty:hidden"
        >
          {isMissing ? 'No node, model or job of yours is called so.' : ''}
        </span>
      </form>
    </search>
  )
}
