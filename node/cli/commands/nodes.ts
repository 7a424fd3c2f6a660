import type { NetworkEvent, NodeView, StakeEntry, SwarmModelView } from '#protocol/api/network.ts'
import { shortId } from '#protocol/ids.ts'
import { formatBytes, formatDuration } from '#protocol/units.ts'
import { hart } from '../amount.ts'
import { type Command, flagOption, textOption } from '../command.ts'
import { connectToCoordinator, coordinatorOptionHelp, coordinatorOptions } from '../coordinator.ts'
import type { Output } from '../output.ts'

export const nodes: Command = {
  name: 'nodes',
  summary:
    'Nodes of the swarm as the coordinator sees them; with PEER one of them, with --models what they offer, with --events what happened.',
  usage: '[PEER]',
  positionalsMax: 1,
  options: {
    ...coordinatorOptions,
    state: { type: 'string' },
    model: { type: 'string' },
    models: { type: 'boolean' },
    stakes: { type: 'boolean' },
    events: { type: 'boolean' },
  },
  optionHelp: {
    ...coordinatorOptionHelp,
    state: { value: 'STATE', help: 'ready, alive, busy, paused, unreachable or stale' },
    model: { value: 'ID', help: 'those that hold some of this model' },
    models: { help: 'the models of the swarm, with those who hold and answer them' },
    stakes: { help: 'the bonds on the chain behind the nodes' },
    events: { help: 'what happened lately: who came, went or changed; with PEER, to that node' },
  },
  examples: ['hart nodes --state ready', 'hart nodes --models', 'hart nodes 12D3KooW… --json'],
  async run(context) {
    const { output, positionals } = context
    const client = await connectToCoordinator(context)
    const [peerId] = positionals
    if (flagOption(context, 'events')) {
      const { events } = await client.call('listNetworkEvents', { query: peerId === undefined ? {} : { peerId } })
      if (output.json) output.value(events)
      else printEvents(output, events)
    } else if (peerId !== undefined) {
      const node = await client.call('getNode', { params: { peerId } })
      if (output.json) output.value(node)
      else printNodes(output, [node])
    } else if (flagOption(context, 'models')) {
      const models = await Array.fromAsync(client.pages('listModels', {}))
      if (output.json) output.value(models)
      else printModels(output, models)
    } else if (flagOption(context, 'stakes')) {
      const stakes = await Array.fromAsync(client.pages('listStakes', {}))
      if (output.json) output.value(stakes)
      else printStakes(output, stakes)
    } else {
      const state = textOption(context, 'state') as NodeView['state'] | undefined
      const modelId = textOption(context, 'model')
      const query = { ...(state === undefined ? {} : { state }), ...(modelId === undefined ? {} : { modelId }) }
      const list = await Array.fromAsync(client.pages('listNodes', { query }))
      if (output.json) output.value(list)
      else printNodes(output, list)
    }
    return 0
  },
}

function printNodes(output: Output, list: readonly NodeView[]): void {
  if (list.length === 0) output.note('no such node is seen now')
  else
    output.table(
      ['node', 'state', 'age', 'slots', 'region', 'models', 'price', 'reason'],
      list.map((node) => [
        shortId(node.peerId),
        node.state,
        formatDuration(node.ageMs),
        `${node.inferenceSlotsFree}/${node.inferenceSlots}`,
        node.region || '-',
        String(node.models.length),
        node.price === undefined ? 'free' : `${hart(node.price.weiPerKiloToken)}/kt`,
        node.reason,
      ]),
    )
}

function printModels(output: Output, list: readonly SwarmModelView[]): void {
  if (list.length === 0) output.note('no model is offered now')
  else
    output.table(
      ['model', 'size', 'licence', 'answer', 'hold all', 'hold some'],
      list.map((model) => [
        model.name,
        formatBytes(model.sizeBytes),
        model.licence,
        String(model.answerers),
        String(model.wholeHolders),
        String(model.holders),
      ]),
    )
}

function printStakes(output: Output, list: readonly StakeEntry[]): void {
  if (list.length === 0) output.note('no node that is seen now has a bond')
  else
    output.table(
      ['node', 'bond', 'payee'],
      list.map(({ peerId, bondWei, payee }) => [shortId(peerId), hart(bondWei), payee]),
    )
}

function printEvents(output: Output, list: readonly NetworkEvent[]): void {
  if (list.length === 0) output.note('nothing has happened since the coordinator started')
  else
    output.table(
      ['time', 'what', 'of', 'more'],
      list.map((event) => [new Date(event.atMs).toISOString(), event.type, ...wordsOf(event)]),
    )
}

function wordsOf(event: NetworkEvent): [of: string, more: string] {
  switch (event.type) {
    case 'node-joined':
      return [shortId(event.peerId), event.state]
    case 'node-left':
      return [shortId(event.peerId), '']
    case 'node-state':
      return [shortId(event.peerId), `${event.from} -> ${event.to}: ${event.reason}`]
    case 'model-appeared':
      return [event.name, '']
    case 'model-copies':
      return [event.name, `${event.from} -> ${event.to} whole`]
    case 'part-rare':
      return [event.name, `${event.part} is held by ${event.holders}`]
  }
}
