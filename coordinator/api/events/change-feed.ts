/** News of the swarm and of jobs, for any number of readers: each is encoded once, and kept a while for who comes back. */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { encodeSse } from '#protocol/api/index.ts'
import type { ChangeEvent } from '#protocol/api/network.ts'
import type { TenantId } from '#sql/store/types.ts'
import { type EventReaders, write } from './readers.ts'

/** Some minutes of a busy swarm; an event is about 150 bytes. */
const keptMax = 4096

interface Kept {
  seq: number
  /** Whose it is; absent: everybody's. */
  tenant?: TenantId
  bytes: Buffer
}

export class ChangeFeed {
  /** Ids of another run say nothing here: their readers are told to read all anew. */
  readonly #run = randomBytes(4).toString('hex')
  readonly #kept: Kept[] = []
  readonly #readers = new Map<ServerResponse, TenantId>()
  #seq = 0

  /** With `tenant` only its own readers learn of it. */
  publish(event: ChangeEvent, tenant?: TenantId): void {
    const seq = ++this.#seq
    const bytes = Buffer.from(encodeSse(event, { event: event.type, id: `${this.#run}-${seq}` }))
    this.#kept.push(tenant === undefined ? { seq, bytes } : { seq, tenant, bytes })
    if (this.#kept.length > keptMax) this.#kept.splice(0, keptMax / 4)
    for (const [raw, reader] of this.#readers) if (tenant === undefined || tenant === reader) write(raw, bytes)
  }

  /** @throws {ERR_LIMIT} */
  read(readers: EventReaders, reply: FastifyReply, tenant: TenantId, lastEventId: string | undefined): void {
    const raw = readers.open(reply, tenant)
    const missed = lastEventId === undefined ? [] : this.#behind(lastEventId)
    if (missed === undefined)
      write(raw, Buffer.from(encodeSse({ type: 'reset' }, { event: 'reset', id: `${this.#run}-${this.#seq}` })))
    for (const kept of missed ?? []) if (kept.tenant === undefined || kept.tenant === tenant) write(raw, kept.bytes)
    this.#readers.set(raw, tenant)
    raw.once('close', () => this.#readers.delete(raw))
  }

  /** Undefined where it cannot be known what was missed. */
  #behind(lastEventId: string): Kept[] | undefined {
    const [run, seq] = lastEventId.split('-')
    const last = Number(seq)
    if (run !== this.#run || !Number.isSafeInteger(last) || last > this.#seq) return undefined
    const oldest = this.#kept[0]?.seq ?? 1
    return last < oldest - 1 ? undefined : this.#kept.filter((kept) => kept.seq > last)
  }
}
