/** What a coordinator would say about rules, without one: the same code, in a process of its own. */
import { spawn } from 'node:child_process'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { CallRoute } from '#protocol/api/client.ts'
import { errorFromWire } from '#protocol/errors.ts'

type Answered = { answer: unknown } | { error: Parameters<typeof errorFromWire>[0] }

/** For `getConstitution` (the shipped one), `checkConstitution` and `decide`. */
export const callOffline: CallRoute = async (name, input) => {
  const file = fileURLToPath(new URL('../../coordinator/bin/rules.ts', import.meta.url))
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify({ ...input, name }))
  const answered = (await json(child.stdout)) as Answered
  if ('error' in answered) throw errorFromWire(answered.error)
  return answered.answer as never
}
