/** `hart status`: what the node is doing and, when it is idle, why and what would help. */

import type { ScheduleView, StatusView } from '#protocol/api/control.ts'
import type { EconomyView } from '#protocol/api/earnings.ts'
import { describeActivity } from '#protocol/api/refusals.ts'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes, formatDuration, formatRate } from '#protocol/units.ts'
import { type Command, flagOption } from '../command.ts'
import { bar, type Output } from '../output.ts'

export const status: Command = {
  name: 'status',
  summary: 'What the node is doing, and why.',
  options: { verbose: { type: 'boolean' } },
  optionHelp: { verbose: { help: 'every placement decision with its reason' } },
  examples: ['hart status', 'hart status --json | jq .state'],
  async run(context) {
    const view = await (await context.connect()).get<StatusView>('/api/v1/status')
    if (context.output.json) context.output.value(view)
    else printStatus(context.output, view, flagOption(context, 'verbose'))
    return 0
  },
}

const colors = {
  starting: 'yellow',
  fetching: 'cyan',
  serving: 'green',
  idle: 'yellow',
  paused: 'yellow',
  draining: 'yellow',
  degraded: 'red',
} as const

function printStatus(output: Output, view: StatusView, isVerbose: boolean): void {
  const row = (label: string, text: string) => output.line(`${output.paint('dim', label.padEnd(10))} ${text}`)
  output.line(`${output.paint(['bold', colors[view.state]], view.state)}: ${view.reason}`)
  if (view.help !== undefined) output.line(`  would help: ${view.help}`)
  row('node', `${view.peerId}  (${view.version}, up ${formatDuration(view.uptimeMs)}, pid ${view.pid})`)
  row(
    'swarm',
    `${view.peersConnected} peers connected, ${view.leasesLive} with a live lease, DHT ${view.dht.mode} with ${view.dht.routingTableSize} peers`,
  )
  if (view.schedule !== undefined) row('schedule', describeSchedule(view.schedule))
  row(
    'announced',
    `${view.dht.keysAnnounced} keys${view.dht.keysWaiting > 0 ? `, ${view.dht.keysWaiting} waiting` : ''}`,
  )
  row('holds', `${formatBytes(view.heldBytes)} of ${view.models} model${view.models === 1 ? '' : 's'}`)
  const pledge =
    view.pledge.diskBytes === 0
      ? 'none'
      : `${formatBytes(view.pledge.usedBytes)} of ${formatBytes(view.pledge.diskBytes)} used`
  row('pledge', pledge)
  row(
    'serving',
    `${formatRate(view.upload.bytesPerSecond)} to ${view.upload.peers.length} peers, ${formatBytes(view.upload.totalBytes)} since the start`,
  )
  row('asked', describeActivity(view.activity))
  if (view.engine !== undefined) {
    const { engine, device, state, slotsBusy, slots, crashes } = view.engine
    row(
      'engine',
      `${engine} on ${device}: ${state}, ${slotsBusy} of ${slots} slots busy${crashes > 0 ? `, ${crashes} crashes` : ''}`,
    )
  }
  row('pay', describePay(view.economy))
  for (const transfer of view.transfers) {
    const share = transfer.wantedBytes === 0 ? 1 : transfer.heldBytes / transfer.wantedBytes
    const eta = transfer.etaMs === undefined ? '' : `  ${formatDuration(transfer.etaMs)} left`
    row(
      'fetching',
      `${transfer.name} ${bar(share, 20)} ${Math.floor(share * 100)} %  ${formatRate(transfer.bytesPerSecond)} from ${transfer.sources.length} sources${eta}`,
    )
  }
  for (const decision of view.placement) {
    if (isVerbose || decision.action === 'fetch') row(decision.action, `${decision.name}: ${decision.reason}`)
  }
  row('openai', `${view.apiUrl}/v1`)
}

function describeSchedule({ spans, isOpen, nextChangeAtMs, override }: ScheduleView): string {
  const now = override === undefined ? (isOpen ? 'open' : 'closed') : `${override} by hand`
  const until = nextChangeAtMs === undefined ? '' : ` until ${new Date(nextChangeAtMs).toLocaleString()}`
  return `${spans.join(', ')}: ${now}${until}`
}

function describePay(economy: EconomyView | undefined): string {
  if (economy === undefined)
    return 'work is free; hart config set chain.rpc URL, then payment.pricePerGiB AMOUNT, asks for pay'
  const { weiPerGiB, weiPerKiloToken, promisedWei, claimedWei, claimableWei, unpaidWei, problem } = economy
  const hart = (wei: string) => formatHart(BigInt(wei))
  const isFree = BigInt(weiPerGiB) + BigInt(weiPerKiloToken) === 0n
  const asked = isFree
    ? 'work is free; hart config set payment.pricePerGiB AMOUNT asks for pay'
    : `asks ${hart(weiPerGiB)} HART a GiB, ${hart(weiPerKiloToken)} for 1,000 tokens`
  if (problem !== undefined) return `paid work waits: ${problem}; promised ${hart(promisedWei)} HART`
  const settled =
    claimedWei === undefined || claimableWei === undefined
      ? ''
      : `, paid ${hart(claimedWei)}, claimable ${hart(claimableWei)}`
  return `${asked}; promised ${hart(promisedWei)} HART${settled}, unpaid ${hart(unpaidWei)}`
}
