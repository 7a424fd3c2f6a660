/**
 * What is signed off the chain (EIP-712), in the form that ethers takes. `contracts/test/vectors.json` pins digests and
 * signatures; Solidity and TypeScript are both tested against it.
 */
export interface TypedField {
  name: string
  type: string
}

/** The rest of a domain, chainId and verifyingContract, belongs to a deployment. */
export const ESCROW_DOMAIN = { name: 'Hartonomous Escrow', version: '1' } as const

/** Everything that `payer` has ever promised `payee` for `topic` (a model's id, or zero), in wei. Signed by the payer. */
export const VOUCHER_TYPES: Record<'Voucher', TypedField[]> = {
  Voucher: [
    { name: 'payer', type: 'address' },
    { name: 'payee', type: 'address' },
    { name: 'topic', type: 'bytes32' },
    { name: 'cumulative', type: 'uint128' },
  ],
}

/** A session key's consent to sign for `payer`, until `deadline` (seconds since 1970). Signed by the session key. */
export const AUTHORIZATION_TYPES: Record<'Authorization', TypedField[]> = {
  Authorization: [
    { name: 'payer', type: 'address' },
    { name: 'signer', type: 'address' },
    { name: 'deadline', type: 'uint256' },
  ],
}

/** The rest of a domain, chainId and verifyingContract, belongs to a deployment. */
export const DISPUTES_DOMAIN = { name: 'Hartonomous Disputes', version: '1' } as const

/**
 * What a node signs for a piece of work. Two receipts of one node with equal job, attempt and input and different output
 * cost it stake: it writes a receipt down before it sends the last byte, and sends the same one again when asked again.
 */
export const RECEIPT_TYPES: Record<'Receipt', TypedField[]> = {
  Receipt: [
    { name: 'node', type: 'address' },
    { name: 'requester', type: 'address' },
    { name: 'job', type: 'bytes32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'input', type: 'bytes32' },
    { name: 'output', type: 'bytes32' },
    { name: 'details', type: 'bytes32' },
    { name: 'finishedAt', type: 'uint64' },
  ],
}
