/** The chain as other features see it. Nothing here loads ethers, except `loadChain`. */
export { parseAddressBook, readAddressBook, writeAddressBook } from './address-book.ts'
export {
  type Authorization,
  addressOf,
  type DisputesDomain,
  type EscrowDomain,
  expandSignature,
  recoverReceipt,
  recoverVoucher,
  signAuthorization,
  signReceipt,
  signVoucher,
} from './typed-data.ts'
export type {
  AddressBook,
  Chain,
  ChainConnection,
  ChainSigner,
  ContractAddresses,
  ContractName,
  Sent,
  SignedVoucher,
  Simulated,
} from './types.ts'

/** Connections, clients and deployment: a quarter of a second and 30 MB the first time. */
export const loadChain = () => import('./chain.ts')
