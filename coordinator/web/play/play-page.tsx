import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import type { SubmitRequest } from '#protocol/api/jobs.ts'
import type { SwarmModelView } from '#protocol/api/network.ts'
import { modelsQuery } from '../app/queries.ts'
import { useIdentity, useScope } from '../app/session.ts'
import { SignInWays } from '../app/sign-in.tsx'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { inputClass } from '../components/field.tsx'
import { EmptyNotice, ErrorNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { ask, forget, keepFor, messagesOf, stop, type Turn, useConversation } from './conversation.ts'
import { QuoteLine } from './quote-line.tsx'
import { RoutePanel } from './route-panel.tsx'
import { curlOf, maxProblem, requestOf } from './settings.ts'
import { SettingsForm } from './settings-form.tsx'
import { TurnView } from './turn-view.tsx'

const examplePrompt = 'What is Hartonomous?'

export function PlayPage() {
  const search = useSearch({ from: '/play' })
  const { data: models, error, refetch } = useQuery(modelsQuery)
  const turns = useConversation()
  const [prompt, setPrompt] = useState('')
  const [shownId, setShownId] = useState<string>()
  const tenant = useIdentity()?.tenant
  useEffect(() => {
    if (tenant !== undefined) keepFor(tenant)
  }, [tenant])

  const answering = models?.filter(({ answerers }) => answerers > 0) ?? []
  const model = nameOf(models ?? [], search.model) ?? answering[0]?.name
  const shown = turns.find(({ turnId }) => turnId === shownId) ?? turns.at(-1)
  const request =
    model === undefined
      ? undefined
      : requestOf(search, model, [...messagesOf(turns), { role: 'user', content: prompt }])
  return (
    <Page title="Play">
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-3 lg:grid-cols-[minmax(0,1fr)_26rem]">
        <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
          <Panel title="Ask">
            {error !== null && models === undefined && <ErrorNotice error={error} onRetry={() => void refetch()} />}
            {models === undefined && error === null && <Skeleton className="h-16 w-full" />}
            {models !== undefined && model === undefined && <NoModels />}
            {models !== undefined && model !== undefined && (
              <SettingsForm search={search} models={answering} model={model} />
            )}
          </Panel>
          <Panel
            title="Conversation"
            aside={
              turns.length > 0 && (
                <Button tone="quiet" disabled={turns.some(({ isOver }) => !isOver)} onClick={forget}>
                  Begin anew
                </Button>
              )
            }
          >
            <Said turns={turns} shown={shown} onShow={setShownId} onExample={() => setPrompt(examplePrompt)} />
            <Composer
              prompt={prompt}
              onPrompt={setPrompt}
              request={request}
              problem={maxProblem(search.max)}
              onAsk={() => setShownId(undefined)}
            />
          </Panel>
        </div>
        <div className="grid grid-cols-[minmax(0,1fr)] gap-3 lg:sticky lg:top-3">
          <RoutePanel turn={shown} />
          {request !== undefined && <Curl request={prompt.trim() === '' ? (shown?.request ?? request) : request} />}
        </div>
      </div>
    </Page>
  )
}

interface SaidProps {
  turns: readonly Turn[]
  shown: Turn | undefined
  onShow: (turnId: string) => void
  onExample: () => void
}

function Said({ turns, shown, onShow, onExample }: SaidProps) {
  if (turns.length === 0)
    return (
      <EmptyNotice title="Ask a model of the swarm.">
        The nodes that answer read it, and the coordinator keeps it as a job; this tab forgets the conversation when it
        is closed. A receipt shows who said what, not that it is true.{' '}
        <button type="button" className="text-accent underline" onClick={onExample}>
          Try “{examplePrompt}”
        </button>
      </EmptyNotice>
    )
  return (
    <ol aria-label="Conversation" className="mb-4 grid grid-cols-[minmax(0,1fr)] gap-4">
      {turns.map((turn) => (
        <TurnView key={turn.turnId} turn={turn} isShown={turn === shown} onShow={() => onShow(turn.turnId)} />
      ))}
    </ol>
  )
}

/** Of a name or an id; what is not known here may be known to the coordinator. */
function nameOf(models: readonly SwarmModelView[], wanted: string | undefined): string | undefined {
  return models.find(({ modelId, name }) => modelId === wanted || name === wanted)?.name ?? wanted
}

interface ComposerProps {
  prompt: string
  onPrompt: (prompt: string) => void
  request: SubmitRequest | undefined
  problem: string | undefined
  onAsk: () => void
}

function Composer({ prompt, onPrompt, request, problem, onAsk }: ComposerProps) {
  const id = useId()
  const queries = useQueryClient()
  const identity = useIdentity()
  const mayAsk = useScope('jobs:write')
  const input = useRef<HTMLTextAreaElement>(null)
  const running = useConversation().find(({ isOver }) => !isOver)
  if (identity !== undefined && !mayAsk)
    return (
      <section aria-label="Sign in to ask" className="rounded-md border border-line-strong p-3">
        <p className="mb-3 font-medium">A prompt runs on somebody's machine and may cost: sign in to ask.</p>
        <SignInWays onDone={() => undefined} />
      </section>
    )
  const isReady = prompt.trim() !== '' && request !== undefined && problem === undefined && running === undefined
  const submit = (event?: FormEvent) => {
    event?.preventDefault()
    if (!isReady || request === undefined) return
    onPrompt('')
    onAsk()
    void ask(queries, prompt, request)
    input.current?.focus()
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    submit()
  }
  return (
    <form onSubmit={submit} className="grid gap-2">
      <label htmlFor={id} className="font-medium">
        Prompt
      </label>
      <textarea
        ref={input}
        id={id}
        rows={3}
        className={inputClass}
        value={prompt}
        onChange={(event) => onPrompt(event.target.value)}
        onKeyDown={onKey}
        aria-describedby={`${id}-keys`}
      />
      {request !== undefined && problem === undefined && mayAsk && <QuoteLine request={request} />}
      <div className="flex flex-wrap items-center gap-3">
        {running === undefined ? (
          <Button type="submit" tone="primary" disabled={!isReady}>
            Send
          </Button>
        ) : (
          <Button tone="danger" isBusy={running.isStopped} onClick={() => void stop(running.turnId)}>
            Stop
          </Button>
        )}
        <span id={`${id}-keys`} className="text-[13px] text-muted">
          Enter sends, Shift+Enter begins a line
        </span>
      </div>
    </form>
  )
}

function NoModels() {
  return (
    <EmptyNotice title="No model answers prompts now.">
      A node answers with the models that it holds whole: <CopyText text="hart up" label="the command" />
    </EmptyNotice>
  )
}

function Curl({ request }: { request: SubmitRequest }) {
  const text = curlOf(location.origin, request)
  return (
    <Panel title="The same from a shell" aside={<CopyText text={text} shown="curl" label="the command" />}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
      <section aria-label="The command" tabIndex={0} className="overflow-x-auto">
        <pre className="font-mono text-[13px]">{text}</pre>
      </section>
      <p className="mt-2 text-[13px] text-muted">
        Any client of OpenAI works with this address.{' '}
        <code className="font-mono">HART_KEY=$(hart key create laptop)</code> makes a key. This face knows no privacy
        and no bound of the price: jobs do.
      </p>
    </Panel>
  )
}
