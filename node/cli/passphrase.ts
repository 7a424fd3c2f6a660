/** The passphrase of a wallet: typed without echo, or from a file that only its owner reads. Never from argv or the environment itself. */
import { HartonomousError } from '#protocol/errors.ts'
import { passphraseCharactersMin } from '#protocol/limits.ts'
import { type CommandContext, type OptionHelp, textOption } from './command.ts'
import { askHidden, type PromptStreams, promptStreams } from './prompt.ts'

const environmentName = 'HARTONOMOUS_WALLET_PASSPHRASE_FILE'

export const passphraseOptions = { 'passphrase-file': { type: 'string' } } as const
export const passphraseOptionHelp: Record<keyof typeof passphraseOptions, OptionHelp> = {
  'passphrase-file': { value: 'FILE', help: `file (mode 0600) with the passphrase (${environmentName})` },
}

/**
 * Of `what`, such as `wallet main`; a new one is typed twice. The bytes are for the caller to fill with zeros.
 * @throws {ERR_USAGE} {ERR_KEY} {ERR_NOT_FOUND}
 */
export async function readPassphrase(
  context: CommandContext,
  what: string,
  options: { isNew: boolean },
): Promise<Uint8Array> {
  const { passphraseBytes } = await import('../chain/index.ts')
  const typed = await readTyped(context, what, options)
  try {
    const passphrase = passphraseBytes(typed)
    if (options.isNew && passphrase.length < passphraseCharactersMin)
      throw new HartonomousError('ERR_KEY', {
        key: what,
        reason: `a passphrase of fewer than ${passphraseCharactersMin} characters is soon guessed`,
      })
    return passphrase
  } finally {
    typed.fill(0)
  }
}

async function readTyped(context: CommandContext, what: string, { isNew }: { isNew: boolean }): Promise<Uint8Array> {
  const file = textOption(context, 'passphrase-file') ?? (context.environment[environmentName] || undefined)
  if (file !== undefined) return readFileOf(file)
  const streams = promptStreams()
  if (streams === undefined)
    throw new HartonomousError('ERR_USAGE', {
      message: `the passphrase of ${what} is needed, and there is no terminal to ask at: --passphrase-file FILE`,
    })
  return isNew ? askTwice(what, streams, context.signal) : askHidden(`passphrase of ${what}: `, streams, context.signal)
}

async function askTwice(what: string, streams: PromptStreams, signal: AbortSignal): Promise<Uint8Array> {
  const first = await askHidden(`new passphrase of ${what}: `, streams, signal)
  const second = await askHidden('again: ', streams, signal)
  const isSame = first.equals(second)
  second.fill(0)
  if (isSame) return first
  first.fill(0)
  throw new HartonomousError('ERR_KEY', { key: what, reason: 'the two passphrases are not the same' })
}

async function readFileOf(path: string): Promise<Uint8Array> {
  const { readSecretFile } = await import('../chain/index.ts')
  const content = await readSecretFile(path)
  if (content === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: path })
  // An editor ends the line.
  let end = content.length
  if (content[end - 1] === 0x0a) end -= content[end - 2] === 0x0d ? 2 : 1
  return content.subarray(0, end)
}
