/** Messages of EIP-4361 as a page writes them: straight from the template of the specification. */
import { checksumAddress } from '#node/chain/index.ts'
import type { Address } from '#protocol/ids.ts'

export interface MessageText {
  scheme?: string
  domain: string
  address: Address
  statement?: string
  uri: string
  chainId: number
  nonce: string
  issuedAt: string
  expires?: string
  notBefore?: string
  requestId?: string
  resources?: string[]
}

export function messageText(of: MessageText): string {
  const optional = (name: string, value: string | undefined) => (value === undefined ? '' : `\n${name}: ${value}`)
  return [
    `${of.scheme === undefined ? '' : `${of.scheme}://`}${of.domain} wants you to sign in with your Ethereum account:\n`,
    `${checksumAddress(of.address)}\n\n`,
    of.statement === undefined ? '' : `${of.statement}\n`,
    `\nURI: ${of.uri}\nVersion: 1\nChain ID: ${of.chainId}\nNonce: ${of.nonce}\nIssued At: ${of.issuedAt}`,
    optional('Expiration Time', of.expires),
    optional('Not Before', of.notBefore),
    optional('Request ID', of.requestId),
    of.resources === undefined ? '' : `\nResources:${of.resources.map((resource) => `\n- ${resource}`).join('')}`,
  ].join('')
}
