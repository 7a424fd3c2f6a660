/** T-SQL files as batches. A line `--/ batch` begins one; `if CAPABILITY` and `unless CAPABILITY` behind it say where it runs. */
import { HartonomousError } from '#protocol/errors.ts'

export interface ScriptBatch {
  text: string
  condition: { capability: ScriptCapability; isWanted: boolean } | undefined
}

export type ScriptCapability = 'temporal'
export type ScriptCapabilities = Readonly<Record<ScriptCapability, boolean>>

const marker = /^--\/ batch(?: (if|unless) ([a-z]+))?$/

/** @throws {ERR_STORE_MIGRATION} for a marker that says something else; `GO` is none. */
export function batchesIn(script: string): ScriptBatch[] {
  const batches: ScriptBatch[] = []
  let lines: string[] = []
  let condition: ScriptBatch['condition']
  const end = () => {
    const text = lines.join('\n').trim()
    if (text.replaceAll(/--[^\n]*/g, '').trim() !== '') batches.push({ text, condition })
    lines = []
  }
  for (const line of script.split('\n')) {
    const match = marker.exec(line)
    if (match === null) {
      if (line.startsWith('--/') || /^go$/i.test(line.trim())) throw wrong(`a batch cannot begin with ${line}`)
      lines.push(line)
      continue
    }
    end()
    const [, word, capability] = match
    if (capability !== undefined && capability !== 'temporal') throw wrong(`there is no capability ${capability}`)
    condition = capability === undefined ? undefined : { capability, isWanted: word === 'if' }
  }
  end()
  return batches
}

export function batchesFor(script: string, capabilities: ScriptCapabilities): string[] {
  return batchesIn(script)
    .filter(({ condition }) => condition === undefined || capabilities[condition.capability] === condition.isWanted)
    .map(({ text }) => text)
}

function wrong(reason: string): HartonomousError {
  return new HartonomousError('ERR_STORE_MIGRATION', { id: 0, reason })
}
