import type { ReactNode } from 'react'
import type { EngineView, StatusView } from '#protocol/api/control.ts'
import { CopyText } from '../components/copy-text.tsx'
import { Panel } from '../components/panel.tsx'

/** Who it is, how others and programs reach it, and what answers prompts. */
export function IdentityPanel({ status }: { status: StatusView }) {
  const { peerId, addresses, apiUrl, dataEndpoint, dataDir, version, pid, dht, engine } = status
  return (
    <Panel title="Identity and addresses">
      <dl className="grid gap-x-4 gap-y-2 sm:grid-cols-[auto_minmax(0,1fr)]">
        <Entry name="Peer id">
          <CopyText text={peerId} label="the peer id" />
        </Entry>
        <Entry name="For your programs">
          <CopyText text={`${apiUrl}/v1`} label="the URL of the OpenAI API" />
        </Entry>
        <Entry name="For peers">
          {addresses.length === 0 && <span className="text-muted">no address yet</span>}
          {addresses.map((address) => (
            <span key={address} className="block">
              <CopyText text={address} label="the address" />
            </span>
          ))}
        </Entry>
        <Entry name="Chunks from">
          <CopyText text={dataEndpoint} label="the data address" />
        </Entry>
        <Entry name="DHT">
          {dht.mode}, {dht.routingTableSize} peers in its table, {dht.keysAnnounced} keys announced
          {dht.keysWaiting > 0 ? `, ${dht.keysWaiting} waiting` : ''}
        </Entry>
        <Entry name="Engine">{engineWords(engine)}</Entry>
        <Entry name="Data folder">
          <CopyText text={dataDir} label="the folder" />
        </Entry>
        <Entry name="Program">
          hartonomous {version}, process {pid}
        </Entry>
      </dl>
    </Panel>
  )
}

function Entry({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  )
}

function engineWords(engine: EngineView | undefined): string {
  if (engine === undefined) return 'off: this node answers no prompts'
  const count = engine.loadedModels.length
  const loaded = count === 0 ? 'no model loaded' : `${count} model${count === 1 ? '' : 's'} loaded`
  const queue = engine.queued > 0 ? `, ${engine.queued} waiting` : ''
  const crashes = engine.crashes > 0 ? `, ${engine.crashes} crashes` : ''
  const problem = engine.lastError === undefined ? '' : `; last error: ${engine.lastError}`
  return `${engine.engine} on ${engine.device}: ${engine.state}, ${engine.slotsBusy} of ${engine.slots} slots busy${queue}, ${loaded}${crashes}${problem}`
}
