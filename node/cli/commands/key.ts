/** `hart key`: keys by which programs call a coordinator. */
import type { CreateKeyRequest } from '#protocol/api/routes/keys.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { day } from '#protocol/units.ts'
import { dateOf } from '../amount.ts'
import { type Command, listOption, textOption } from '../command.ts'
import { connectToCoordinator, coordinatorOptionHelp, coordinatorOptions } from '../coordinator.ts'

export const keyCreate: Command = {
  name: 'key create',
  summary: 'Make an API key of the coordinator; it is shown once, on stdout.',
  usage: 'LABEL',
  positionalsMin: 1,
  options: { ...coordinatorOptions, scope: { type: 'string', multiple: true }, days: { type: 'string' } },
  optionHelp: {
    ...coordinatorOptionHelp,
    scope: {
      value: 'SCOPE',
      help: 'network:read, query, jobs:read, jobs:write, infer, keys or admin (may be given again; default: the first five)',
    },
    days: { value: 'N', help: 'valid for so long (default: until it is revoked)' },
  },
  examples: ['hart key create laptop', 'hart key create dashboard --scope network:read --days 90'],
  async run(context) {
    const { output, positionals } = context
    const given = listOption(context, 'scope')
    const scopes = given.length > 0 ? given : ['network:read', 'query', 'jobs:read', 'jobs:write', 'infer']
    const days = textOption(context, 'days')
    if (days !== undefined && !(Number(days) > 0))
      throw new HartonomousError('ERR_USAGE', { message: '--days takes a number above zero' })
    const client = await connectToCoordinator(context)
    // The coordinator says which scope is none.
    const body = {
      label: positionals[0]!,
      scopes,
      ...(days === undefined ? {} : { expiresAtMs: Math.round(Date.now() + Number(days) * day) }),
    } as CreateKeyRequest
    const created = await client.call('createKey', { body })
    if (output.json) output.value(created)
    else {
      output.line(created.key)
      output.note(`key ${created.keyId}, scopes ${created.scopes.join(' ')}; it is shown this once`)
    }
    return 0
  },
}

export const keyList: Command = {
  name: 'key list',
  aliases: ['key ls'],
  summary: 'API keys of the coordinator, without the keys themselves.',
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart key list', 'hart key list --json'],
  async run(context) {
    const { output } = context
    const { keys } = await (await connectToCoordinator(context)).call('listKeys', {})
    if (output.json) output.value(keys)
    else if (keys.length === 0) output.note('there is no key; hart key create LABEL makes one')
    else {
      const nowMs = Date.now()
      const date = (atMs: number | undefined) => (atMs === undefined ? '-' : dateOf(atMs, nowMs).slice(0, 20))
      output.table(
        ['key', 'label', 'made', 'last used', 'state', 'scopes'],
        keys.map((key) => [
          key.keyId,
          key.label,
          date(key.createdAtMs),
          date(key.lastUsedAtMs),
          key.revokedAtMs !== undefined ? 'revoked' : (key.expiresAtMs ?? nowMs) < nowMs ? 'expired' : 'valid',
          key.scopes.join(' '),
        ]),
      )
    }
    return 0
  },
}

export const keyRevoke: Command = {
  name: 'key revoke',
  aliases: ['key rm'],
  summary: 'Revoke an API key at once.',
  usage: 'KEY',
  positionalsMin: 1,
  options: coordinatorOptions,
  optionHelp: coordinatorOptionHelp,
  examples: ['hart key revoke k3x9'],
  async run(context) {
    const { output, positionals } = context
    const client = await connectToCoordinator(context)
    const revoked = await client.call('revokeKey', { params: { keyId: positionals[0]! } })
    if (output.json) output.value(revoked)
    else output.line(`revoked ${revoked.keyId}`)
    return 0
  },
}
