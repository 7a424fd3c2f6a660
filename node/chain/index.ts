/** The chain as other features see it. Nothing here loads ethers, except `loadChain`. */
export { parseAddressBook, readAddressBook, writeAddressBook } from './address-book.ts'
export type { DeploymentPlan } from './deploy.ts'
export type { EscrowClient, SessionKey } from './escrow-client.ts'
export { exportHotKey, hotKeyPath, importHotKey, loadHotKey, loadOrCreateHotKey } from './keys/hot-key.ts'
export { readKeyText } from './keys/key-text.ts'
export { passphraseBytes } from './keys/keystore.ts'
export { type Account, checksumAddress, createAccount, readAddress } from './keys/private-key.ts'
export { readSecretFile, writeSecretFile } from './keys/secret-file.ts'
export { addWallet, hotWalletName, listWallets, openWallet, readWallet, walletPath } from './keys/wallets.ts'
export { recoverPersonalMessage, signPersonalMessage } from './personal-message.ts'
export type { Step } from './plans.ts'
export type { RehearsedCall } from './rehearse.ts'
export type { PublicChain } from './stakes/public-chain.ts'
export {
  type Authorization,
  addressOf,
  type DisputesDomain,
  type EscrowDomain,
  expandSignature,
  recoverReceipt,
  recoverSession,
  recoverVoucher,
  signAuthorization,
  signReceipt,
  signSession,
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
