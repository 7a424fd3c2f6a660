import { Signature, type Signer, type TypedDataDomain, ZeroHash } from 'ethers'
import { VOUCHER_TYPES } from '../abi/typed-data.ts'

export interface VoucherTerms {
  payer: string
  payee: string
  topic?: string
  cumulative: bigint
}

/** One entry of `claim`, in the order of its fields. */
export type VoucherEntry = [payer: string, topic: string, cumulative: bigint, r: string, vs: string]

export async function signVoucher(signer: Signer, domain: TypedDataDomain, terms: VoucherTerms): Promise<VoucherEntry> {
  const { payer, payee, topic = ZeroHash, cumulative } = terms
  const signed = await signer.signTypedData(domain, VOUCHER_TYPES, { payer, payee, topic, cumulative })
  const { r, yParityAndS } = Signature.from(signed)
  return [payer, topic, cumulative, r, yParityAndS]
}
