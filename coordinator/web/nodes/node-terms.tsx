import { Link } from '@tanstack/react-router'
import { formatHart } from '#protocol/hart.ts'
import { formatBytes, formatRate } from '#protocol/units.ts'
import type { SwarmNode } from '../app/swarm.ts'
import { Age } from '../components/age.tsx'
import { Panel } from '../components/panel.tsx'
import { formatCount, shortId } from '../lib/format.ts'
import { Facts } from './facts.tsx'

/** What it can do, how fast it was, what it asks for that, and what stands behind it. */
export function NodeTerms({ node }: { node: SwarmNode }) {
  const { inferenceSlots, inferenceSlotsFree, load, speed, uploadBytesPerSecond, diskFreeBytes, price, stake } = node
  return (
    <Panel title="Capacity, price and stake">
      <Facts
        facts={[
          {
            name: 'Slots',
            value: inferenceSlots === 0 ? 'it answers no prompts' : `${inferenceSlotsFree} of ${inferenceSlots} free`,
            how: 'Answers that it gives at the same time, as its lease says.',
          },
          { name: 'Load', value: `${Math.round(100 * load)} %`, how: 'By its own count.' },
          {
            name: 'Measured',
            how: 'Of its last answer to a job of this coordinator, from the first token to the last.',
            value:
              speed === undefined ? (
                'no answer to a job yet'
              ) : (
                <>
                  {speed.tokensPerSecond.toFixed(1)} tokens/s, <Age atMs={speed.atMs} />
                </>
              ),
          },
          { name: 'Upload', value: uploadBytesPerSecond === 0 ? 'not said' : formatRate(uploadBytesPerSecond) },
          { name: 'Disk free', value: formatBytes(diskFreeBytes), how: 'Pledged by its owner and not used yet.' },
          { name: '1,000 tokens', value: amountOf(price?.weiPerKiloToken) },
          { name: '1 GiB', value: amountOf(price?.weiPerGiB) },
          {
            name: 'Stake',
            how: 'From the chain: what a slash could take. Its lease and its record on the chain name each other.',
            value:
              stake === undefined ? (
                'none that is bound to it'
              ) : (
                <>
                  <span title={`${formatCount(Number(stake.bondWei))} wei`}>
                    {formatHart(BigInt(stake.bondWei))} HART
                  </span>
                  {' of '}
                  <Link
                    to="/stake"
                    search={{ address: stake.payee } as never}
                    title={stake.payee}
                    className="font-mono text-[13px] underline"
                  >
                    {shortId(stake.payee)}
                  </Link>
                </>
              ),
          },
        ]}
      />
    </Panel>
  )
}

function amountOf(wei: string | undefined): string {
  return wei === undefined || wei === '0' ? 'free' : `${formatHart(BigInt(wei))} HART`
}
