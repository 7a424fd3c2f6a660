/**
 * Content-addressed texts: policies of the constitution, graphs of workflows, prompts of agents. A text never changes; a
 * name points at one of them, and keeps the ones before.
 */
export interface DocumentStore {
  /** Does nothing where it is there. `hash`: 32 bytes, SHA-256 of the UTF-8 text. @throws {ERR_LIMIT} {ERR_USAGE} for another hash */
  putDocument(document: { hash: Uint8Array; text: string; atMs: number }): Promise<void>
  getDocument(hash: Uint8Array): Promise<string | undefined>
  /** Points `name` at a known text, where it points at `previous` now; nothing where that is the same text. @throws {ERR_STORE_CONFLICT} {ERR_NOT_FOUND} */
  nameDocument(name: string, hash: Uint8Array, options: { previous?: Uint8Array; atMs: number }): Promise<void>
  /** Newest first, the last 1000; empty where the name is unknown. */
  listVersions(name: string): Promise<{ hash: Uint8Array; atMs: number }[]>
  /** With what each points at now, in order of the name. */
  listNames(prefix: string): Promise<{ name: string; hash: Uint8Array; atMs: number }[]>
}
