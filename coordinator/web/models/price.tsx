import type { SwarmModelView } from '#protocol/api/network.ts'
import { formatHart } from '#protocol/hart.ts'

/** Of the cheapest and the dearest node: `1–2.5 HART`. */
export function PriceRange({ wei }: { wei: SwarmModelView['weiPerKiloToken'] }) {
  if (wei === undefined) return <>no price</>
  const [low, high] = [formatHart(BigInt(wei.min)), formatHart(BigInt(wei.max))]
  if (BigInt(wei.max) === 0n) return <>free</>
  return <>{low === high ? `${low} HART` : `${low}–${high} HART`}</>
}
