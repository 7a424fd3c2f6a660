import type { SubmitRequest, Work } from '#protocol/api/jobs.ts'
import { CopyText } from '../components/copy-text.tsx'
import { Cost } from './cost.tsx'
import { TextBlock } from './text-block.tsx'

/** What was asked for, as a person reads it; all of it as JSON below. */
export function JobRequest({ request }: { request: SubmitRequest }) {
  const json = JSON.stringify(request, undefined, 2)
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <WorkText work={request.work} />
      <Terms request={request} />
      <details className="text-[13px]">
        <summary>As JSON, for the API and hart jobs submit</summary>
        <TextBlock text={json} label="the request as JSON" />
        <CopyText text={JSON.stringify(request)} shown="copy it" label="the request" />
      </details>
    </div>
  )
}

function WorkText({ work }: { work: Work }) {
  switch (work.kind) {
    case 'chat':
      return (
        <ol className="grid grid-cols-[minmax(0,1fr)] gap-2">
          {work.messages.map(({ role, content }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a request does not change.
            <li key={index}>
              <p className="text-[13px] text-muted">{role}</p>
              <TextBlock text={content} label={`message ${index + 1}`} />
            </li>
          ))}
        </ol>
      )
    case 'completion':
      return <TextBlock text={work.prompt} label="the prompt" />
    case 'embedding':
      return (
        <>
          <p>Vectors of {work.input.length === 1 ? 'one text' : `${work.input.length} texts`}</p>
          <TextBlock text={work.input.join('\n')} label="the texts" />
        </>
      )
    case 'pull':
      return (
        <p>
          Brings {work.components === undefined ? 'all' : work.components.join(', ')} of the model into the own shard.
        </p>
      )
    case 'batch':
      return <p>{work.items.length} items, each a job of its own.</p>
    case 'workflow':
      return (
        <>
          <p>
            {typeof work.workflow === 'string'
              ? work.workflow
              : `${work.workflow.name}, ${work.workflow.steps.length} steps`}
          </p>
          <p className="text-[13px] text-muted">input</p>
          <TextBlock text={JSON.stringify(work.input, undefined, 2)} label="the input" />
        </>
      )
  }
}

/** Only what was said; for the rest the coordinator has its own. */
function Terms({ request: { work, terms = {} } }: { request: SubmitRequest }) {
  const sampling = work.kind === 'chat' || work.kind === 'completion' ? work : undefined
  const { privacy, regions, maxPriceWei, hedge, attemptsMax, forbid } = terms
  const rows: [string, React.ReactNode][] = [
    ['privacy', privacy],
    ['regions', regions?.join(', ')],
    ['at most', maxPriceWei === undefined ? undefined : <Cost key="price" wei={maxPriceWei} />],
    ['tries at most', attemptsMax],
    ['hedge', hedge === false ? 'no second node beside a slow one' : undefined],
    ['temperature', sampling?.temperature],
    ['tokens at most', sampling?.maxTokens],
    ['seed', sampling?.seed],
    ['forbids', forbid],
  ]
  const said = rows.filter(([, value]) => value !== undefined)
  if (said.length === 0) return null
  return (
    <dl className="flex flex-wrap gap-x-5 gap-y-1 text-[13px]">
      {said.map(([name, value]) => (
        <div key={name} className="flex gap-1.5">
          <dt className="text-muted">{name}</dt>
          <dd className="break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
