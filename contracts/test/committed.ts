import { Interface, type JsonFragment } from 'ethers'
import type { ContractArtifact } from '../abi/artifacts.ts'
import type { ContractName } from '../abi/deployment.ts'
import { IMMUTABLE_BYTES, runtimeHash } from '../abi/runtime-hash.ts'

/** What Hardhat keeps of a contract, as far as it matters here. */
export interface CompiledContract {
  abi: readonly JsonFragment[]
  bytecode: string
  deployedBytecode: string
  immutableReferences?: Record<string, { start: number; length: number }[]>
}

/** Where the committed form of a contract lies. */
export function committedFile(name: ContractName): URL {
  return new URL(`../abi/${name}.json`, import.meta.url)
}

/** The committed form: what a node needs of a compiled contract, and no more. */
export function committedForm(compiled: CompiledContract): ContractArtifact {
  const places = Object.values(compiled.immutableReferences ?? {}).flat()
  if (places.some(({ length }) => length !== IMMUTABLE_BYTES)) throw new Error('an immutable that is not one word')
  const immutables = places.map(({ start }) => start).sort((a, b) => a - b)
  return {
    abi: new Interface(compiled.abi).format(),
    bytecode: compiled.bytecode,
    immutables,
    runtimeBytes: compiled.deployedBytecode.length / 2 - 1,
    runtimeHash: runtimeHash(compiled.deployedBytecode, immutables),
  }
}

export function committedText(compiled: CompiledContract): string {
  return `${JSON.stringify(committedForm(compiled), null, 2)}\n`
}
