/** The paid side of a node in a few figures, for `hart status`: nobody waits long for a chain that does not answer. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { EconomyView } from '#protocol/api/earnings.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import { readTotals } from '../payment/index.ts'
import type { Economy } from './economy.ts'

const freshMs = 5 * second
/** Who asks for the state of a node asks for more than this. */
const patienceMs = second

export class EconomyStatus {
  readonly #economy: Economy
  #known: EconomyView | undefined
  #reading: Promise<void> | undefined
  #readAtMs = 0

  constructor(economy: Economy) {
    this.#economy = economy
  }

  /** Undefined where this node is on no chain, and for the moment of the first question to a slow one. */
  async read(): Promise<EconomyView | undefined> {
    if (!this.#economy.isOnChain) return undefined
    if (this.#reading === undefined && Date.now() - this.#readAtMs >= freshMs) this.#begin()
    await Promise.race([this.#reading, sleep(patienceMs, undefined, { ref: false })])
    return this.#known
  }

  #begin(): void {
    this.#reading = this.#look()
      .then((view) => {
        this.#known = view
        this.#readAtMs = Date.now()
      })
      // The store is gone: its own part of the status says so.
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined
      })
  }

  async #look(): Promise<EconomyView> {
    const { tenant: store, owner: payee, funds, payment, chain } = this.#economy
    const { weiPerGiB, weiPerKiloToken } = payment.terms.prices
    const asked = { weiPerGiB: String(weiPerGiB), weiPerKiloToken: String(weiPerKiloToken) }
    const told = ({ promisedWei, claimedWei, claimableWei, unpaidWei }: Awaited<ReturnType<typeof readTotals>>) => ({
      ...asked,
      promisedWei: String(promisedWei),
      ...(claimedWei === undefined ? {} : { claimedWei: String(claimedWei) }),
      ...(claimableWei === undefined ? {} : { claimableWei: String(claimableWei) }),
      unpaidWei: String(unpaidWei),
    })
    try {
      await chain()
      return told(await readTotals(funds === undefined ? { store, payee } : { store, payee, funds }))
    } catch (error) {
      if (!isHartonomousError(error)) throw error
      return { ...told(await readTotals({ store, payee })), problem: error.message }
    }
  }
}
