/** Texts of policies in the store of documents, by their hashes; the sets that were made of them, in memory. */
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { policySetsKnownMax } from '#protocol/limits.ts'
import type { DocumentStore } from '#sql/store/document.ts'
import type { SchemaText } from './decision.ts'
import { defaultText } from './default.ts'
import { constitutionOf, deriveConstitution, documentOf, type PolicySet, partsOf } from './policy-set.ts'
import { schemaHash, schemaText, textHash } from './schema.ts'

/** Under which documents are named. The schema is there for people, and for replays by later versions. */
const constitutionName = 'constitution'
const schemaName = 'constitution-schema'

export class PolicyLibrary {
  readonly #documents: DocumentStore
  readonly #now: () => number
  /** The one that was used longest ago first. */
  readonly #sets = new Map<string, PolicySet>()

  constructor({ documents, now }: { documents: DocumentStore; now: () => number }) {
    this.#documents = documents
    this.#now = now
  }

  /** The version in force; the shipped one where there was none. @throws {ERR_NOT_FOUND} for a document that is gone */
  async inForce(): Promise<PolicySet> {
    const [newest] = await this.#documents.listVersions(constitutionName)
    if (newest !== undefined) return this.find(hexOf(newest.hash))
    try {
      return await this.#put(constitutionOf(defaultText()))
    } catch (error) {
      // Another coordinator was first.
      if (isHartonomousError(error, 'ERR_STORE_CONFLICT')) return this.inForce()
      throw error
    }
  }

  /** @throws {ERR_USAGE} {ERR_LIMIT} {ERR_STORE_CONFLICT} where `previous` is not in force */
  async replace(text: string, previous: string): Promise<PolicySet> {
    return this.#put(constitutionOf(text), previous)
  }

  async versions(): Promise<{ hash: string; atMs: number }[]> {
    const versions = await this.#documents.listVersions(constitutionName)
    return versions.map(({ hash, atMs }) => ({ hash: hexOf(hash), atMs }))
  }

  async find(hash: string): Promise<PolicySet> {
    const known = this.#sets.get(hash)
    if (known !== undefined) return this.#remember(known)
    const { parentHash, text } = partsOf(await this.#textOf(hash))
    const set = parentHash === undefined ? constitutionOf(text) : deriveConstitution(await this.find(parentHash), text)
    return this.#remember(set)
  }

  async derive(parent: PolicySet, addedForbids: string): Promise<PolicySet> {
    const known = this.#sets.get(textHash(documentOf(parent.hash, addedForbids)))
    if (known !== undefined) return this.#remember(known)
    const set = deriveConstitution(parent, addedForbids)
    await this.#keep(set.document)
    return this.#remember(set)
  }

  /** What was forbidden on top of one constitution, on top of another. */
  async rebase(set: PolicySet, root: PolicySet): Promise<PolicySet> {
    if (set.parent === undefined) return root
    return this.derive(await this.rebase(set.parent, root), partsOf(set.document).text)
  }

  async keepSchema(): Promise<void> {
    await this.#keep(schemaText)
    const [newest] = await this.#documents.listVersions(schemaName)
    if (newest !== undefined && hexOf(newest.hash) === schemaHash) return
    try {
      await this.#name(schemaName, schemaHash, newest?.hash)
    } catch (error) {
      // Another coordinator was first.
      if (!isHartonomousError(error, 'ERR_STORE_CONFLICT')) throw error
    }
  }

  async findSchema(hash: string): Promise<SchemaText> {
    return { hash, text: await this.#textOf(hash) }
  }

  async #put(set: PolicySet, previous?: string): Promise<PolicySet> {
    await this.#keep(set.document)
    await this.#name(constitutionName, set.hash, previous === undefined ? undefined : Buffer.from(previous, 'hex'))
    return this.#remember(set)
  }

  #remember(set: PolicySet): PolicySet {
    this.#sets.delete(set.hash)
    this.#sets.set(set.hash, set)
    if (this.#sets.size > policySetsKnownMax) this.#sets.delete(this.#sets.keys().next().value!)
    return set
  }

  async #keep(text: string): Promise<void> {
    await this.#documents.putDocument({ hash: Buffer.from(textHash(text), 'hex'), text, atMs: this.#now() })
  }

  async #name(name: string, hash: string, previous: Uint8Array | undefined): Promise<void> {
    const options = previous === undefined ? { atMs: this.#now() } : { previous, atMs: this.#now() }
    await this.#documents.nameDocument(name, Buffer.from(hash, 'hex'), options)
  }

  /** @throws {ERR_NOT_FOUND} {ERR_STORE_CORRUPT} for a text that is not the one of that name */
  async #textOf(hash: string): Promise<string> {
    const text = await this.#documents.getDocument(Buffer.from(hash, 'hex'))
    if (text === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'policy document', id: hash })
    if (textHash(text) === hash) return text
    throw new HartonomousError('ERR_STORE_CORRUPT', { reason: `the policy document ${hash} is not what its name says` })
  }
}

function hexOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
