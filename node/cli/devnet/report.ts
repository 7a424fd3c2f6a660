/** What the local swarm prints after its picture: the answer as it comes, the figures, and what can be tried. */
import { formatHart } from '#protocol/hart.ts'
import { formatBytes, formatDuration } from '#protocol/units.ts'
import type { Output } from '../output.ts'
import { WordWrap } from '../wrap.ts'
import type { Board } from './board.ts'
import type { DevnetNode } from './child.ts'
import { sharesOf } from './picture.ts'
import type { ScenarioResult } from './scenario.ts'
import type { DevnetView } from './view.ts'

export interface AnswerPrinter {
  push(text: string): void
  end(): void
}

export function createAnswerPrinter(
  output: Output,
  view: DevnetView,
  prompt: string,
  sinceStartMs: () => number,
): AnswerPrinter {
  const wrap = new WordWrap(output.isTerminal ? output.columns : Number.POSITIVE_INFINITY, '  ')
  let isFirst = true
  return {
    push(text) {
      if (output.json) return
      if (isFirst) {
        isFirst = false
        view.stop()
        const when = `node 5 answers; first token ${formatDuration(sinceStartMs())} after the start`
        output.line(`  ${output.paint('dim', when)}\n`)
        output.line(`  ${output.paint('cyan', '>')} ${output.paint('bold', prompt)}`)
      }
      output.write(wrap.push(text))
    },
    end() {
      if (!output.json) output.line(wrap.end())
    },
  }
}

export function printResult(output: Output, board: Board, result: ScenarioResult, problem: string | undefined): void {
  const { transfer, fileIdentical, tokensPerSecond, firstTokenMs, economy, coordinatorSeen } = result
  const row = (label: string, text: string) => output.line(`  ${output.paint('dim', label.padEnd(10))} ${text}`)
  const verdict = fileIdentical
    ? output.paint('green', 'the file is identical to the original')
    : output.paint('red', 'the file DIFFERS')
  output.line()
  row(
    'fetched',
    `${formatBytes(transfer.heldBytes)} by node 5, from node ${sharesOf(transfer.sources, board).join(', ')}`,
  )
  row('verified', `${transfer.chunksVerified} chunks, ${transfer.chunksRejected} rejected; ${verdict}`)
  row('jobs', `${coordinatorSeen.jobs} ended at the coordinator, which sees ${coordinatorSeen.nodesSeen} nodes`)
  row('answered', `${Math.round(tokensPerSecond)} tokens/s, first token after ${formatDuration(firstTokenMs)}`)
  if (economy !== undefined) {
    const { vouchers, settledWei, transactions, gasPerVoucher, ledgerMatchesChain } = economy
    row(
      'paid',
      `${formatHart(BigInt(settledWei))} HART by ${vouchers} vouchers, settled in ${transactions} transactions`,
    )
    const matches = ledgerMatchesChain
      ? output.paint('green', 'receipts and chain agree')
      : output.paint('red', 'receipts and chain DIFFER')
    row('on chain', `${gasPerVoucher} gas per channel; ${matches}`)
  }
  if (problem !== undefined) row('problem', output.paint('red', problem))
}

export function printInvitation(
  output: Output,
  { late, model, coordinator }: ScenarioResult,
  nodes: readonly DevnetNode[],
  explorerUrl: string,
): void {
  const apiUrl = late.ready!.apiUrl
  const dim = (text: string) => output.paint('dim', text)
  output.line(
    `\n  ${output.paint('bold', 'try it')} ${dim('in another terminal, in this folder; it is node 5 that you ask')}\n`,
  )
  const body = `{"model":"${model.name}","messages":[{"role":"user","content":"How do nodes find each other?"}]}`
  output.line(`  curl -s ${apiUrl}/v1/chat/completions -H 'content-type: application/json' \\`)
  output.line(`    -d '${body}'`)
  const verbs = ['status', 'peers', 'models ls', `components ${model.name}`, `run ${model.name} "What is 47 + 35?"`]
  for (const words of verbs) output.line(`  npx hart ${words} --data-dir ${late.dataDir}`)
  const { coordinatorUrl } = coordinator
  output.line(`\n  ${output.paint('bold', 'see it')}  ${output.paint('cyan', explorerUrl)}`)
  output.line(`\n  ${dim('coordinator')}  ${coordinatorUrl}  ${dim('its API is described at')} ${coordinatorUrl}/docs`)
  output.line(`  ${dim('any OpenAI client')}  OPENAI_BASE_URL=${apiUrl}/v1 OPENAI_API_KEY=none\n`)
  for (const node of [...nodes].sort((a, b) => a.index - b.index))
    output.line(`  ${dim(`node ${node.index}`)}  ${node.ready?.apiUrl}/v1   ${node.ready?.apiUrl}/metrics`)
  output.line(`\n  ${dim('Ctrl-C stops the swarm and removes its folders')}`)
}
