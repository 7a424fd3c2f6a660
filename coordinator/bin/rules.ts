/** Rules without a coordinator, for `hart constitution --offline`: a call of the API on stdin as JSON, its answer on stdout. */
import { json } from 'node:stream/consumers'
import { checkView, type DecideRequest } from '#protocol/api/constitution.ts'
import { errorToWire, isHartonomousError } from '#protocol/errors.ts'
import { checkRules, defaultText, rehearse, schemaText } from '../constitution/index.ts'

type Call =
  | { name: 'getConstitution' }
  | { name: 'checkConstitution'; body: { text: string } }
  | { name: 'decide'; body: DecideRequest }

function answerTo(call: Call): unknown {
  const text = defaultText()
  switch (call.name) {
    case 'getConstitution': {
      const { hash, ruleCount } = checkView.required().parse(checkRules(text))
      return { hash, text, ruleCount, schema: schemaText }
    }
    case 'checkConstitution':
      return checkRules(call.body.text)
    case 'decide':
      return { decisions: rehearse(call.body.text ?? text, call.body.requests) }
  }
}

try {
  // From the command of the same release, on this machine.
  const answer = answerTo((await json(process.stdin)) as Call)
  process.stdout.write(JSON.stringify({ answer }))
} catch (error) {
  if (!isHartonomousError(error)) throw error
  process.stdout.write(JSON.stringify({ error: errorToWire(error) }))
}
