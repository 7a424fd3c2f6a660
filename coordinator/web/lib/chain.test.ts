import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ReceiptView } from '#protocol/api/network.ts'
import { checksumAddress, failureOf, verifyReceipt } from './chain.ts'

type Signed = Record<string, string> & { digest: string }
const file = new URL('../../../contracts/test/vectors.json', import.meta.url)
const { disputes } = JSON.parse(readFileSync(file, 'utf8')) as {
  disputes: { domain: { chainId: number; verifyingContract: string }; receipts: Signed[] }
}
const { chainId, verifyingContract } = disputes.domain
const contracts = { Disputes: verifyingContract } as never

const viewOf = ({ digest: _, signature, ...receipt }: Signed): ReceiptView => ({
  jobId: 'job',
  attempt: 0,
  peerId: 'peer',
  atMs: 0,
  kind: 'infer',
  dueWei: '0',
  promptTokens: 0,
  completionTokens: 0,
  receipt,
  signature: signature!,
})

test('receipt: its signer is found as Solidity finds it, and a changed field or another chain gives another', async () => {
  for (const vector of disputes.receipts) {
    const view = viewOf(vector)
    const { digest, isNode, signer } = await verifyReceipt(view, { chainId, contracts })
    expect([digest, isNode]).toEqual([vector.digest, signer === vector['node']!.toLowerCase()])
    const changed = { ...view, receipt: { ...view.receipt, output: `0x${'12'.repeat(32)}` } }
    expect((await verifyReceipt(changed, { chainId, contracts })).signer).not.toBe(signer)
    expect((await verifyReceipt(view, { chainId: chainId + 1, contracts })).signer).not.toBe(signer)
  }
  expect(disputes.receipts.length).toBeGreaterThan(0)
})

test('failure: a refusal of a contract is read wherever a wallet or a service put it', () => {
  // RatioExceeded(12)
  const data = `0xfcc6c635${'0'.repeat(63)}c`
  const refusal = { kind: 'reverted', error: 'RatioExceeded', values: { room: '12' } }
  for (const error of [
    { code: 3, message: 'execution reverted', data },
    { code: -32603, message: 'Internal JSON-RPC error.', data: { code: 3, message: 'execution reverted', data } },
    { code: -32603, data: { originalError: { code: 3, data } } },
    { code: 'CALL_EXCEPTION', info: { error: { code: 3, data } } },
  ])
    expect(failureOf(error)).toEqual(refusal)
  const said = `0x08c379a0${'0'.repeat(62)}20${'0'.repeat(63)}3${Buffer.from('why').toString('hex').padEnd(64, '0')}`
  expect(failureOf({ code: 3, data: said })).toEqual({ kind: 'reverted', error: 'why', values: {} })
})

test('failure: rejecting, an open window, a missing method and missing ether are told apart; the rest keeps its words', () => {
  expect(failureOf({ code: 4001, message: 'User rejected the request.' })).toEqual({ kind: 'rejected' })
  expect(failureOf({ code: -32002, message: 'already pending' })).toEqual({ kind: 'busy' })
  expect(failureOf({ code: 4200, message: 'unsupported' })).toEqual({ kind: 'unsupported' })
  expect(failureOf({ code: -32000, message: 'insufficient funds for gas * price + value' })).toEqual({ kind: 'gas' })
  expect(failureOf(new TypeError('Failed to fetch'))).toEqual({ kind: 'other', message: 'Failed to fetch' })
})

test('address: any case is taken, a wrong checksum is not', () => {
  const right = '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2'
  expect(checksumAddress(right.toLowerCase())).toBe(right)
  expect(checksumAddress(right.replace('A39b', 'a39B'))).toBeUndefined()
  expect(checksumAddress('vitalik.eth')).toBeUndefined()
})
