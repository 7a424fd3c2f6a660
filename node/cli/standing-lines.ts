/** `hart peers --why`: what the score of a peer is made of, one line for each part that is not nothing. */
import type { StandingView } from '#protocol/api/control.ts'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes } from '#protocol/units.ts'

const groups: Record<StandingView['group'], string> = {
  proven: 'proven: asked first',
  newcomer: 'newcomer: has a turn in four where proven peers wait too',
  suspect: 'under suspicion: asked last',
}

const chainStates: Record<StandingView['chain']['state'], string> = {
  none: '',
  bound: '',
  unknown: 'the chain has not answered yet',
  'other-chain': 'its lease names other contracts than ours',
  borrowed: 'its payee does not name this peer in return: it counts nothing',
}

export function standingLines({ score, group, earned, evidence, seen, chain }: StandingView): string[] {
  const work = `${formatBytes(seen.bytes)} verified, ${Math.round(seen.tokens)} tokens answered`
  const stakeWei = chain.state === 'bound' ? BigInt(chain.stakeWei) : 0n
  const incomeWei = chain.state === 'bound' ? BigInt(chain.incomeWei) : 0n
  const onChain = chain.state === 'bound' ? chain : { disputesLost: 0, equivocations: 0 }
  const parts: [number, string][] = [
    [earned.work, work],
    [earned.stake, `${formatHart(stakeWei)} HART at stake`],
    [earned.income, `${formatHart(incomeWei)} HART earned`],
  ]
  const factors: [number, string][] = [
    [evidence.wrongBytes, `wrong bytes, ${count(seen.wrongBytes)}`],
    [evidence.brokenPromises, `broken promises of payment, ${count(seen.brokenPromises)}`],
    [evidence.brokenProtocol, `broke the protocol, ${count(seen.brokenProtocol)}`],
    [evidence.equivocations, `signed contradictions, ${onChain.equivocations}`],
    [evidence.disputesLost, `disputes lost, ${onChain.disputesLost}`],
  ]
  const state = chainStates[chain.state]
  return [
    `score ${score.toFixed(3)}  ${groups[group]}`,
    `  ${earned.newcomer.toFixed(3)}  what every newcomer has`,
    ...parts.filter(([part]) => part > 0).map(([part, text]) => `+ ${part.toFixed(3)}  ${text}`),
    ...factors.filter(([factor]) => factor < 1).map(([factor, text]) => `x ${factor.toPrecision(3)}  ${text}`),
    ...(state === '' ? [] : [`  chain: ${state}`]),
  ]
}

/** Evidence fades: what was one is 0.5 after two weeks. */
function count(times: number): string {
  return Number(times.toFixed(2)).toString()
}
