/** Those who take delegation, as anyone may see them. */
import type { DelegateView } from '#protocol/api/chain.ts'
import { weiPerHart } from '#protocol/hart.ts'
import type { StakingTerms } from '../staking-client.ts'
import type { BlockTimes } from './block-times.ts'
import type { DelegateRecord, Payment } from './delegate-record.ts'
import type { Stakes } from './stake-log.ts'

export interface DelegateClock {
  /** Seconds since 1970, by which contracts judge. */
  nowSeconds: number
  times: BlockTimes
}

const wholeBps = 10_000n
/** Complete epochs that are looked at. */
const epochsShown = 30

/** @throws {ERR_CHAIN_UNAVAILABLE} */
export async function viewDelegates(
  stakes: Stakes,
  records: readonly DelegateRecord[],
  terms: StakingTerms,
  { nowSeconds, times }: DelegateClock,
): Promise<DelegateView[]> {
  const running = times.epochAt(nowSeconds)
  const first = Math.max(0, running - epochsShown)
  const paid = records.flatMap(({ payments }) => payments.filter(({ isEmission }) => isEmission))
  const blocks = [...new Set(paid.map(({ blockNumber }) => blockNumber))].sort((a, b) => a - b)
  const epochs = await times.epochsOf(blocks, first)
  // The commission of a payment that found no delegator is asked for by its time.
  const alone = paid.filter(({ blockNumber, delegatedWei }) => epochs.has(blockNumber) && delegatedWei === 0n)
  const shown = records.flatMap(({ registered, slashes }) => [registered, ...slashes])
  const timeOf = await times.of([...alone, ...shown].map(({ blockNumber }) => blockNumber))
  return records.map((record) => {
    const { address, registered, frozen } = record
    const [bondWei, delegatedWei] = [stakes.book.bondOf(address), stakes.book.delegatedTo(address)]
    const limitWei = bondWei * BigInt(terms.delegationRatio)
    const { commissionBps, next } = record.commissionAt(nowSeconds)
    const atMs = (block: number) => timeOf.get(block)! * 1000
    const payments = record.payments.filter(({ blockNumber, isEmission }) => isEmission && epochs.has(blockNumber))
    const epochOf = ({ blockNumber }: Payment) => epochs.get(blockNumber)!
    const complete = payments.filter((payment) => epochOf(payment) < running)
    const perHart = (payment: Payment) =>
      earnedPerHart(payment, () => record.commissionAt(timeOf.get(payment.blockNumber)!).commissionBps)
    return {
      address,
      peerKey: record.peerKey,
      registeredAtMs: atMs(registered.blockNumber),
      isActive: bondWei >= terms.minBondWei,
      frozen,
      bondWei: String(bondWei),
      delegatedWei: String(delegatedWei),
      delegators: stakes.book.delegatorsOf(address),
      roomWei: String(limitWei > delegatedWei ? limitWei - delegatedWei : 0n),
      commissionBps,
      ...(next === undefined
        ? {}
        : { nextCommission: { commissionBps: next.commissionBps, startsAtMs: next.startsAt * 1000 } }),
      commissions: commissionsOf(record, atMs(registered.blockNumber)),
      epochs: byEpoch(payments, epochOf),
      slashes: record.slashes.map(({ blockNumber, fromBondWei, fromPoolWei, transactionHash }) => ({
        atMs: atMs(blockNumber),
        fromBondWei: String(fromBondWei),
        fromDelegatorsWei: String(fromPoolWei),
        transactionHash,
      })),
      history: {
        epochs: running - first,
        weiPerHart: String(complete.reduce((sum, payment) => sum + perHart(payment), 0n)),
      },
      signers: [...record.signers].map(([signer, until]) => ({
        address: signer,
        validUntilMs: until === Number.POSITIVE_INFINITY ? null : until * 1000,
      })),
    }
  })
}

/** @param registeredAtMs When the first one came into force. */
function commissionsOf(record: DelegateRecord, registeredAtMs: number): DelegateView['commissions'] {
  const { firstCommissionBps, registered, announcements } = record
  const { transactionHash } = registered
  const first = { commissionBps: firstCommissionBps, announcedAtMs: registeredAtMs, startsAtMs: registeredAtMs }
  const later = announcements.map(({ announcedAt, startsAt, ...rest }) => ({
    commissionBps: rest.commissionBps,
    announcedAtMs: announcedAt * 1000,
    startsAtMs: startsAt * 1000,
    transactionHash: rest.transactionHash,
  }))
  return [{ ...first, transactionHash }, ...later]
}

/** By the rule of `Staking.distribute`: to all stake alike, less the commission. */
function earnedPerHart(payment: Payment, commissionThen: () => number): bigint {
  const { toBondWei, toPoolWei, bondWei, delegatedWei } = payment
  if (delegatedWei > 0n) return (toPoolWei * weiPerHart) / delegatedWei
  return ((toBondWei + toPoolWei) * weiPerHart * (wholeBps - BigInt(commissionThen()))) / (bondWei * wholeBps)
}

function byEpoch(payments: readonly Payment[], epochOf: (payment: Payment) => number): DelegateView['epochs'] {
  const sums = new Map<number, { toBond: bigint; toPool: bigint }>()
  for (const payment of payments) {
    const sum = sums.get(epochOf(payment)) ?? { toBond: 0n, toPool: 0n }
    sums.set(epochOf(payment), {
      toBond: sum.toBond + payment.toBondWei,
      toPool: sum.toPool + payment.toPoolWei,
    })
  }
  return [...sums].map(([epoch, { toBond, toPool }]) => ({
    epoch,
    toBondWei: String(toBond),
    toDelegatorsWei: String(toPool),
  }))
}
