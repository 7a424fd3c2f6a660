/** `hart peers`: who is connected; `--why ID`: what its score is made of, and each address tried; `--dial ADDR`. */
import type { PeerDetailView, PeerView } from '#protocol/api/control.ts'
import { shortId } from '#protocol/ids.ts'
import { formatDuration } from '#protocol/units.ts'
import { type Command, textOption } from '../command.ts'
import { standingLines } from '../standing-lines.ts'

export const peers: Command = {
  name: 'peers',
  summary: 'Connected peers, what they hold and how far they are.',
  options: { why: { type: 'string' }, dial: { type: 'string' } },
  optionHelp: {
    why: { value: 'PEER', help: 'what the score of a peer is made of, and each address that was tried' },
    dial: { value: 'MULTIADDR', help: 'connect to a peer now' },
  },
  examples: ['hart peers', 'hart peers --why 12D3KooW…', 'hart peers --dial /ip4/192.0.2.4/tcp/7412/p2p/12D3KooW…'],
  async run(context) {
    const { output } = context
    const client = await context.connect()
    const address = textOption(context, 'dial')
    const why = textOption(context, 'why')
    if (address !== undefined) {
      const dialled = await client.post<{ peerId: string }>('/api/v1/peers', { address })
      if (output.json) output.value(dialled)
      else output.line(`connected to ${dialled.peerId}`)
      return 0
    }
    if (why !== undefined) {
      const detail = await client.get<PeerDetailView>(`/api/v1/peers/${encodeURIComponent(why)}`)
      if (output.json) output.value(detail)
      else {
        output.line(detail.connected ? 'connected' : 'not connected')
        for (const line of standingLines(detail.standing)) output.line(line)
        const rows = detail.attempts.map((attempt) => [
          formatDuration(Date.now() - attempt.atMs),
          attempt.address,
          attempt.error,
        ])
        if (rows.length > 0) output.table(['ago', 'address', 'error'], rows)
      }
      return detail.connected ? 0 : 1
    }
    const { peers: list } = await client.get<{ peers: PeerView[] }>('/api/v1/peers')
    if (output.json) output.value(list)
    else if (list.length === 0) output.note('no peer is connected; hart status says why')
    else {
      output.table(
        ['peer', 'score', 'via', 'found by', 'rtt', 'models', 'version', 'address'],
        list.map((peer) => [
          shortId(peer.peerId),
          peer.score.toFixed(2),
          peer.direction,
          peer.discoveredBy.join(',') || '-',
          peer.rttMs === undefined ? '-' : `${Math.round(peer.rttMs)} ms`,
          peer.models.map((model) => `${shortId(model.modelId)} ${model.heldChunks}/${model.chunkCount}`).join(' ') ||
            '-',
          peer.version ?? '-',
          peer.addresses[0] ?? '-',
        ]),
      )
    }
    return 0
  },
}
