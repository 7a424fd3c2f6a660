/**
 * What a program must know of each contract to deploy it, call it and recognise it: written by
 * `node scripts/generate/abi.ts`, so that an installed node needs no compiler. A test fails where the files are stale.
 */

import Disputes from './Disputes.json' with { type: 'json' }
import type { ContractName } from './deployment.ts'
import Escrow from './Escrow.json' with { type: 'json' }
import Models from './Models.json' with { type: 'json' }
import Reputation from './Reputation.json' with { type: 'json' }
import Rewards from './Rewards.json' with { type: 'json' }
import Staking from './Staking.json' with { type: 'json' }
import Token from './Token.json' with { type: 'json' }

export interface ContractArtifact {
  /** Functions, events and errors in Solidity's own words: 24 kB for all seven, where the usual JSON takes 83. */
  abi: string[]
  /** Creation code, without the arguments of the constructor. */
  bytecode: string
  /** Where immutables begin in the deployed code, in bytes, ascending. */
  immutables: number[]
  /** Length of the deployed code. */
  runtimeBytes: number
  /** `runtimeHash` of the deployed code. */
  runtimeHash: string
}

export const artifacts: Readonly<Record<ContractName, ContractArtifact>> = {
  Token,
  Models,
  Escrow,
  Staking,
  Rewards,
  Disputes,
  Reputation,
}
