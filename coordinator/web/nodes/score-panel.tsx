import type { NodeDetail } from '#protocol/api/network.ts'
import type { SwarmNode } from '../app/swarm.ts'
import { Panel } from '../components/panel.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { Tip } from '../components/tip.tsx'

type Standing = NodeDetail['standing']

/** With the most that each can give, as `scoreOf` counts it. */
const earnings: Readonly<Record<keyof Standing['earned'], { name: string; most: number; how: string }>> = {
  newcomer: { name: 'Everybody', most: 0.25, how: 'Who is new, and did nothing wrong.' },
  work: { name: 'Work', most: 0.4, how: 'Verified bytes and answered tokens that this coordinator had from it.' },
  stake: { name: 'Stake', most: 0.2, how: 'What a slash could take from it, by the logarithm.' },
  income: { name: 'Income', most: 0.15, how: 'What others have paid it on the chain, by the logarithm.' },
}
const evidences: Readonly<Record<keyof Standing['evidence'], string>> = {
  wrongBytes: 'wrong bytes',
  brokenPromises: 'broken promises',
  brokenProtocol: 'broken protocol',
  equivocations: 'receipts that contradict each other',
  disputesLost: 'lost disputes',
}

/** What the score is made of: the same sum that decides whom this coordinator asks first. */
export function ScorePanel({ node, standing }: { node: SwarmNode; standing: Standing | undefined }) {
  return (
    <Panel
      title={`Score ${node.score.toFixed(2)}`}
      aside={
        <Tip
          label="What the score is"
          text="0 to 1, by this coordinator's own experience and the chain: the sum of what a node has earned, at most 1, times what evidence against it has left. Others may see it otherwise."
        />
      }
    >
      {standing === undefined ? (
        <Skeleton className="h-32 w-full" />
      ) : (
        <>
          <dl className="grid gap-2">
            {Object.entries(earnings).map(([key, { name, most, how }]) => (
              <Earned
                key={key}
                name={name}
                most={most}
                how={how}
                value={standing.earned[key as keyof typeof earnings]}
              />
            ))}
          </dl>
          <p className="mt-3">{evidenceText(standing.evidence)}</p>
        </>
      )}
    </Panel>
  )
}

function Earned({ name, most, how, value }: { name: string; most: number; how: string; value: number }) {
  return (
    <div className="grid grid-cols-[7rem_minmax(0,1fr)_auto] items-center gap-2">
      <dt className="flex items-center gap-1.5 text-muted">
        <span>{name}</span>
        <Tip text={how} label={`About ${name.toLowerCase()}`} />
      </dt>
      <dd className="contents">
        <span aria-hidden="true" className="h-2 overflow-hidden rounded bg-raised">
          <span className="block h-full bg-accent" style={{ width: `${Math.min(100, (100 * value) / most)}%` }} />
        </span>
        <span className="whitespace-nowrap">
          {value.toFixed(2)} <span className="text-muted">of {most.toFixed(2)}</span>
        </span>
      </dd>
    </div>
  )
}

function evidenceText(evidence: Standing['evidence']): string {
  const found = Object.entries(evidence).filter(([, factor]) => factor < 1)
  if (found.length === 0) return 'There is no evidence against it.'
  const parts = found.map(
    ([key, factor]) => `${evidences[key as keyof typeof evidences]} (times ${factor.toPrecision(2)})`,
  )
  return `Evidence against it: ${parts.join(', ')}.`
}
