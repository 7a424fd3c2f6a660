/** `hart identity`: the key that is this node; whoever has it is this node. */
import { open, readFile } from 'node:fs/promises'
import { HartonomousError } from '#protocol/errors.ts'
import { dataFiles } from '../../config/index.ts'
import { type Command, textOption } from '../command.ts'

/** Loaded when needed: it brings libp2p's key handling. */
const loadNetwork = () => import('../../network/index.ts')

export const identityShow: Command = {
  name: 'identity show',
  summary: 'The peer id of this node; made at the first call.',
  examples: ['hart identity show --json'],
  async run({ output, paths }) {
    const folder = dataFiles.network(paths.dataDir)
    const { identityPath, loadOrCreateIdentity } = await loadNetwork()
    const { peerId } = await loadOrCreateIdentity(folder)
    if (output.json) output.value({ peerId, file: identityPath(folder) })
    else output.line(peerId)
    return 0
  },
}

export const identityExport: Command = {
  name: 'identity export',
  summary: 'Write the private key to a new file (0600), for a backup.',
  options: { out: { type: 'string' } },
  optionHelp: { out: { value: 'FILE', help: 'the file; it must not exist yet' } },
  examples: ['hart identity export --out node.key'],
  async run(context) {
    const { output, paths } = context
    const path = textOption(context, 'out')
    if (path === undefined)
      throw new HartonomousError('ERR_USAGE', { message: '--out FILE is needed: a private key is not printed' })
    const folder = dataFiles.network(paths.dataDir)
    const { exportIdentity, loadIdentity } = await loadNetwork()
    const identity = await loadIdentity(folder)
    if (identity === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'identity', id: folder })
    const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
      throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
    })
    try {
      await file.writeFile(`${exportIdentity(identity)}\n`)
    } finally {
      await file.close()
    }
    if (output.json) output.value({ peerId: identity.peerId, file: path })
    else output.note(`the key of ${identity.peerId} is in ${path}; keep it secret: whoever has it is this node`)
    return 0
  },
}

export const identityImport: Command = {
  name: 'identity import',
  summary: 'Take over an exported key. Never run two nodes with one key.',
  usage: 'FILE',
  positionalsMin: 1,
  examples: ['hart identity import node.key', 'hart identity import node.key --yes   # replaces the present one'],
  async run({ output, paths, positionals, options }) {
    const path = positionals[0]!
    const text = await readFile(path, 'latin1').catch((error: unknown) => {
      throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
    })
    const { importIdentity, loadIdentity } = await loadNetwork()
    const folder = dataFiles.network(paths.dataDir)
    const present = await loadIdentity(folder)
    if (present !== undefined && options['yes'] !== true)
      throw new HartonomousError('ERR_USAGE', {
        message: `this node is ${present.peerId} already; hart identity export keeps it, then --yes replaces it`,
      })
    const { peerId } = await importIdentity(folder, text, {
      replace: options['yes'] === true,
    })
    if (output.json) output.value({ peerId })
    else output.line(peerId)
    return 0
  },
}
