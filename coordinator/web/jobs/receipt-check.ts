/**
 * What a browser can find out about a receipt by itself, and what it has to ask. Hashes as `protocol/infer/hash.ts` (output)
 * and `coordinator/jobs/answer-job.ts` (job) make them.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { ChainStateView, DelegateView } from '#protocol/api/chain.ts'
import type { ReceiptView } from '#protocol/api/network.ts'

/** `failed` is a lie or a mistake; `unknown` could not be compared here. */
export type Verdict = 'passed' | 'failed' | 'unknown'

export interface Check {
  name: 'signature' | 'job' | 'text' | 'node'
  verdict: Verdict
  /** What was compared with what, and how it came out. */
  words: string
}

export interface ReceiptCheck {
  receipt: ReceiptView
  checks: Check[]
  /** Of all that was computed in this browser. */
  isVerified: boolean
}

export interface ReceiptContext {
  /** Whose jobs these are: a part of the job's name on nodes. */
  tenant: string | undefined
  /** The text that the page shows, where the result is one. */
  text?: string
}

/** What is asked, not computed: who owns an address by the chain. Undefined where it has no stake. */
type FindDelegate = (address: string) => Promise<Pick<DelegateView, 'peerId' | 'signers'> | undefined>

export async function checkReceipts(
  receipts: readonly ReceiptView[],
  chain: Pick<ChainStateView, 'chainId' | 'contracts'>,
  context: ReceiptContext,
  findDelegate: FindDelegate,
): Promise<ReceiptCheck[]> {
  // ethers comes with it: much code, for who looks at a receipt.
  const { verifyReceipt } = await import('../lib/chain.ts')
  return Promise.all(
    receipts.map(async (receipt) => {
      const node = String(receipt.receipt['node'])
      const delegate = await findDelegate(node)
      const checks = [
        await signatureCheck(
          () => verifyReceipt(receipt, chain),
          node,
          (delegate?.signers ?? []).map(({ address }) => address),
        ),
        jobCheck(receipt, context.tenant),
        ...textCheck(receipt, context.text),
        nodeCheck(receipt, node, delegate?.peerId),
      ]
      // Who has no stake is known by its lease alone, which this browser does not see.
      const isVerified = checks.every(
        ({ name, verdict }) => verdict === 'passed' || (name === 'node' && verdict !== 'failed'),
      )
      return { receipt, checks, isVerified }
    }),
  )
}

async function signatureCheck(
  verify: () => Promise<{ signer: string; isNode: boolean }>,
  node: string,
  signers: readonly string[],
): Promise<Check> {
  try {
    const { signer, isNode } = await verify()
    if (isNode)
      return { name: 'signature', verdict: 'passed', words: `made by the key of ${signer}, whom the receipt names` }
    if (signers.includes(signer))
      return {
        name: 'signature',
        verdict: 'passed',
        words: `made by the key of ${signer}, which the chain has as a signer of ${node}`,
      }
    return { name: 'signature', verdict: 'failed', words: `made by the key of ${signer}; the receipt names ${node}` }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { name: 'signature', verdict: 'failed', words: `no signature of this receipt: ${reason.slice(0, 120)}` }
  }
}

function jobCheck({ receipt, jobId, attempt }: ReceiptView, tenant: string | undefined): Check {
  if (tenant === undefined) return { name: 'job', verdict: 'unknown', words: 'whose job it is was not known here' }
  const isJob = receipt['job'] === hashOf(`hartonomous/job/1\n${tenant}\n${jobId}`)
  if (!isJob) return { name: 'job', verdict: 'failed', words: 'the receipt is for another job' }
  if (receipt['attempt'] !== attempt)
    return { name: 'job', verdict: 'failed', words: `the receipt is for try ${receipt['attempt']}, not ${attempt}` }
  return { name: 'job', verdict: 'passed', words: `the receipt is for this job, try ${attempt}` }
}

function textCheck({ receipt }: ReceiptView, text: string | undefined): Check[] {
  if (text === undefined) return []
  const isSame = receipt['output'] === hashOf(text)
  const words = isSame
    ? 'SHA-256 of the text shown here is the one that was signed'
    : 'SHA-256 of the text shown here is not the one that was signed'
  return [{ name: 'text', verdict: isSame ? 'passed' : 'failed', words }]
}

/** Not computed: the coordinator reads it from chain and lease. */
function nodeCheck({ peerId }: ReceiptView, node: string, found: string | undefined): Check {
  if (found === undefined)
    return {
      name: 'node',
      verdict: 'unknown',
      words: `that ${node} is this node stands in its lease, which the coordinator has checked and this browser has not`,
    }
  return found === peerId
    ? { name: 'node', verdict: 'passed', words: 'chain and lease name each other, as the coordinator reads them' }
    : { name: 'node', verdict: 'failed', words: `the chain has ${node} for another node, ${found}` }
}

function hashOf(text: string): string {
  return `0x${bytesToHex(sha256(utf8ToBytes(text)))}`
}
