/** Who pays and who is paid: real keys and real ledgers. Only what the escrow would say is made up. */
import { randomBytes } from 'node:crypto'
import {
  addressOf,
  recoverReceipt,
  recoverSession,
  recoverVoucher,
  signReceipt,
  signSession,
  signVoucher,
} from '#node/chain/index.ts'
import type { DataPlane } from '#node/chunks/index.ts'
import {
  type FundsReader,
  type PaymentDomain,
  type PaymentEvent,
  PaymentService,
  type PaymentSigner,
} from '#node/payment/index.ts'
import { parseAddress } from '#protocol/ids.ts'
import { weiMax } from '#protocol/limits.ts'
import type { Prices } from '#protocol/payment/index.ts'
import type { TenantStore } from '#sql/store/types.ts'

export const domain: PaymentDomain = {
  chainId: 31_415,
  escrow: parseAddress(`0x${'e5'.repeat(20)}`),
  disputes: parseAddress(`0x${'d1'.repeat(20)}`),
}
/** 0.01 HART for a GiB, 0.001 for a thousand tokens: amounts of eight bytes. */
export const prices: Prices = { weiPerGiB: 10n ** 16n, weiPerKiloToken: 10n ** 15n }
export const noPrices: Prices = { weiPerGiB: 0n, weiPerKiloToken: 0n }

/** A million HART, nothing claimed: what an escrow says is cached by the node, and not what is measured. */
const richEscrow: FundsReader = {
  channel: async () => ({ lockedWei: 0n, claimedWei: 0n, freeWei: 10n ** 24n, thawingWei: 0n }),
  allowance: async (signer, payer) => (signer === payer ? weiMax : undefined),
}

export interface Account {
  signer: PaymentSigner
  service: PaymentService
}

export function openAccount(options: {
  dataPlane: DataPlane
  store: TenantStore
  prices: Prices
  onEvent: (event: PaymentEvent) => void
}): Account {
  const privateKey = new Uint8Array(randomBytes(32))
  const signer: PaymentSigner = {
    address: addressOf(privateKey),
    signVoucher: (where, voucher) => signVoucher(privateKey, where, voucher),
    signReceipt: (where, receipt) => signReceipt(privateKey, where, receipt),
    recoverVoucher,
    recoverReceipt,
    signSession: (where, proof) => signSession(privateKey, where, proof),
    recoverSession,
  }
  const service = new PaymentService({
    ...options,
    signer,
    owner: signer.address,
    domain,
    limits: prices,
    funds: richEscrow,
    build: 'bench',
    now: Date.now,
  })
  return { signer, service }
}
