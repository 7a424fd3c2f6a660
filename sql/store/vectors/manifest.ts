/** What an index on disk is made of: one JSON file per space, renamed into place after the files that it names. */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { z } from 'zod'

const segmentFile = z.strictObject({
  file: z.string().regex(/^[0-9]+-[0-9]+-[0-9a-f]+\.usearch$/),
  /** Rows after this one … */
  afterRev: z.int().min(0),
  /** … up to this one. */
  untilRev: z.int().min(1),
  /** Vectors in it. */
  size: z.int().min(1),
  sizeBytes: z.int().min(1),
  sha256: z.string(),
})
const manifest = z.strictObject({
  /** Of the database: another one may have stood at its path. */
  shardUid: z.string(),
  /** Not above the number in the row of the space, or the database is an older copy. */
  indexNumber: z.int().min(1),
  dimension: z.int().min(1),
  engineVersion: z.string(),
  /** In order of rev, without a gap, from the first row on. */
  segments: z.array(segmentFile),
})

/** A graph of some rows of a space, in a file. */
export type SegmentFile = z.infer<typeof segmentFile>
export type Manifest = z.infer<typeof manifest>

/** Files of one space. */
export class IndexFiles {
  readonly #folder: string
  readonly #prefix: string

  constructor(folder: string, tenantId: number, spacePk: number) {
    this.#folder = folder
    this.#prefix = `${tenantId}-${spacePk}`
  }

  /** A name that no file has. */
  newFile(): string {
    return `${this.#prefix}-${randomBytes(6).toString('hex')}.usearch`
  }

  pathOf(file: string): string {
    return path.join(this.#folder, file)
  }

  /** Undefined where there is none, or none that can be read. */
  read(): Manifest | undefined {
    try {
      return manifest.parse(JSON.parse(readFileSync(this.#manifestPath, 'utf8')))
    } catch {
      return undefined
    }
  }

  write(value: Manifest): void {
    const temporary = `${this.#manifestPath}.tmp`
    const handle = openSync(temporary, 'w', 0o600)
    try {
      writeSync(handle, `${JSON.stringify(value)}\n`)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(temporary, this.#manifestPath)
    this.removeOthers(value.segments)
  }

  /** A mapped file that was cut off would kill the process when it is read. */
  hasSize({ file, sizeBytes }: SegmentFile): boolean {
    return statSync(this.pathOf(file), { throwIfNoEntry: false })?.size === sizeBytes
  }

  /** What an earlier index left behind, and what was being written when a process ended. */
  removeOthers(segments: readonly SegmentFile[]): void {
    const kept = new Set([this.#manifestPath, ...segments.map(({ file }) => this.pathOf(file))])
    for (const name of readdirSync(this.#folder)) {
      const isOurs = name.startsWith(`${this.#prefix}-`) || name.startsWith(`${this.#prefix}.`)
      if (!isOurs || kept.has(this.pathOf(name))) continue
      try {
        rmSync(this.pathOf(name))
      } catch {
        // Windows keeps files that are mapped; the next start removes them.
      }
    }
  }

  get #manifestPath(): string {
    return this.pathOf(`${this.#prefix}.json`)
  }
}
