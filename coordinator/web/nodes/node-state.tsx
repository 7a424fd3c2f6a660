import { leaseTtlMs } from '#protocol/limits.ts'
import { formatDuration } from '#protocol/units.ts'
import type { SwarmNode } from '../app/swarm.ts'
import { Age, useIsStale } from '../components/age.tsx'
import { Panel } from '../components/panel.tsx'
import { StateBadge, stateMeanings } from '../components/state-mark.tsx'
import { regionName } from '../network/regions.ts'
import { Facts } from './facts.tsx'

/** How it is, why, and since when. */
export function NodeState({ node }: { node: SwarmNode }) {
  const { state, reason, sinceMs, heardAtMs, region, version, isDataReachable, rttMs, probe } = node
  const isOld = useIsStale(heardAtMs, leaseTtlMs)
  return (
    <Panel title="State" aside={<StateBadge state={state} reason={stateMeanings[state]} />}>
      <div className={isOld ? 'text-stale' : ''}>
        <Facts
          facts={[
            { name: 'Why', value: reason },
            { name: 'Since', value: <Age atMs={sinceMs} /> },
            {
              name: 'Heard',
              value: <Age atMs={heardAtMs} />,
              how: `When its last signed lease came. A lease lives ${formatDuration(leaseTtlMs)}; a node renews it every ${formatDuration(leaseTtlMs / 3)}.`,
            },
            {
              name: 'Probe',
              how: 'Asked by this coordinator: does it answer, and where it offers answers, with one token. An answered job counts as well.',
              value:
                probe === undefined ? (
                  'not yet'
                ) : (
                  <>
                    {probe.ok ? 'answered' : 'failed'} <Age atMs={probe.atMs} />
                    {probe.latencyMs !== undefined && `, in ${formatDuration(probe.latencyMs)}`}
                    {probe.error !== undefined && `: ${probe.error}`}
                  </>
                ),
            },
            {
              name: 'Data port',
              value: isDataReachable ? 'others can call it' : 'it must call others: not reachable from outside',
              how: 'As its lease says, after it was tried from outside.',
            },
            { name: 'Region', value: regionName(region), how: 'As its owner declares it. No address is looked up.' },
            { name: 'Round trip', value: rttMs === undefined ? 'not connected' : formatDuration(rttMs) },
            { name: 'Version', value: version },
          ]}
        />
      </div>
    </Panel>
  )
}
