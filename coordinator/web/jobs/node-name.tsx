import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { aboutQuery, snapshotQuery } from '../app/queries.ts'
import { shortId } from '../lib/format.ts'

/** Where a node says that it is, and whether it is the coordinator's own. Undefined parts are not known. */
export function useNodePlaces(): (peerId: string) => { isOwn: boolean; region: string | undefined } {
  const { data: about } = useQuery(aboutQuery)
  const { data: snapshot } = useQuery(snapshotQuery)
  return (peerId) => ({
    isOwn: peerId === 'self' || peerId === about?.peerId,
    region: snapshot?.nodes.find((node) => node.peerId === peerId)?.region,
  })
}

/** A node by both ends of its id; the whole id on hover. */
export function NodeName({ peerId }: { peerId: string }) {
  if (peerId === 'self') return <>the coordinator's own node</>
  return (
    <Link
      to="/nodes/$peerId"
      params={{ peerId }}
      title={peerId}
      className="font-mono text-[13px] text-accent underline"
    >
      {shortId(peerId)}
    </Link>
  )
}
