import { useQuery } from '@tanstack/react-query'
import { aboutQuery } from '../app/queries.ts'
import { CopyText } from '../components/copy-text.tsx'
import { Page } from '../components/page.tsx'
import { Panel } from '../components/panel.tsx'

/** Where `hart up` serves its page unless it is told another port. */
const usualUrl = 'http://127.0.0.1:7411/my-node'

/** A node is controlled at the machine on which it runs: no coordinator stands between a person and their node. */
export function MyNodeLink() {
  const { data } = useQuery(aboutQuery)
  return (
    <Page title="My node">
      <Panel title="Each node serves its own page, to its owner alone">
        <dl className="grid gap-4">
          <div>
            <dt className="font-medium">A node on this machine</dt>
            <dd>
              <a className="text-accent underline" href={usualUrl}>
                {usualUrl}
              </a>{' '}
              <span className="text-muted">unless it was started with another port. To get in as its owner:</span>{' '}
              <CopyText text="hart open" label="the command" />
            </dd>
          </div>
          {data?.nodeUrl !== undefined && (
            <div>
              <dt className="font-medium">The node of this coordinator</dt>
              <dd>
                <a className="text-accent underline" href={data.nodeUrl}>
                  {data.nodeUrl}
                </a>
              </dd>
            </div>
          )}
          <div>
            <dt className="font-medium">No node yet</dt>
            <dd>
              <CopyText text="hart up --pledge 20GiB" label="the command" />{' '}
              <span className="text-muted">starts one: no wallet, no account, no open port.</span>
            </dd>
          </div>
        </dl>
      </Panel>
    </Page>
  )
}
