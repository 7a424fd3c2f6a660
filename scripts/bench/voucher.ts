/**
 * Signing vouchers and recovering who signed: `node/chain/typed-data.ts` against ethers, hashing included, in one process in
 * turns. CPU time, because a voucher is work for the main thread, and a busy machine does not change it.
 *   npm run bench -- voucher [--rounds 15] [--vouchers 100]
 */
import { parseArgs } from 'node:util'
import { Signature, SigningKey, TypedDataEncoder, verifyTypedData } from 'ethers'
import { addressOf, type EscrowDomain, recoverVoucher, signVoucher } from '#node/chain/index.ts'
import type { Voucher } from '#protocol/payment/message.ts'
import { ESCROW_DOMAIN, VOUCHER_TYPES } from '../../contracts/abi/typed-data.ts'
import type { Bench } from './main.ts'

const privateKey = new Uint8Array(32).fill(7)
const payer = addressOf(privateKey)
const domain: EscrowDomain = { chainId: 31_415, escrow: payer }
const ethersDomain = { ...ESCROW_DOMAIN, chainId: domain.chainId, verifyingContract: domain.escrow }
const ethersKey = new SigningKey(privateKey)

type Work = (voucher: Voucher) => unknown

const works: Readonly<Record<string, Work>> = {
  sign: (voucher) => signVoucher(privateKey, domain, voucher),
  ethersSign: (voucher) => ethersKey.sign(ethersHash(voucher)).compactSerialized,
  recover: (voucher) => recoverVoucher(domain, voucher, signatures.get(voucher)!),
  ethersRecover: (voucher) => {
    const signature = Signature.from(`0x${Buffer.from(signatures.get(voucher)!).toString('hex')}`)
    return verifyTypedData(ethersDomain, VOUCHER_TYPES, ethersTerms(voucher), signature)
  },
}
const signatures = new Map<Voucher, Uint8Array>()

export const bench: Bench = {
  name: 'voucher',
  describe: 'a voucher signed, and its signer recovered: ours against ethers, in microseconds of CPU',
  async run({ args, log }) {
    const options = { rounds: { type: 'string', default: '15' }, vouchers: { type: 'string', default: '100' } } as const
    const { values } = parseArgs({ args, options })
    const vouchers = Array.from({ length: Number(values.vouchers) }, (_, index) => voucherOf(BigInt(index + 1)))
    for (const voucher of vouchers) signatures.set(voucher, signVoucher(privateKey, domain, voucher))
    const samples = new Map(Object.keys(works).map((name) => [name, [] as number[]]))
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, work] of Object.entries(works)) {
        const before = process.cpuUsage()
        for (const voucher of vouchers) work(voucher)
        const { user, system } = process.cpuUsage(before)
        // The first round compiles.
        if (round > 0) samples.get(name)!.push((user + system) / vouchers.length)
      }
      log(`round ${round + 1} of ${values.rounds}`)
    }
    return Object.fromEntries([...samples].map(([name, times]) => [`${name}CpuMicroseconds`, medianOf(times)]))
  },
}

function voucherOf(cumulativeWei: bigint): Voucher {
  return { payer, payee: payer, topic: new Uint8Array(32).fill(1), cumulativeWei }
}

function ethersTerms({ payer, payee, topic, cumulativeWei }: Voucher) {
  return { payer, payee, topic, cumulative: cumulativeWei }
}

function ethersHash(voucher: Voucher): string {
  return TypedDataEncoder.hash(ethersDomain, VOUCHER_TYPES, ethersTerms(voucher))
}

function medianOf(values: number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!)
}
