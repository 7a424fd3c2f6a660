/** An executor that fails where it is told to, to show that nothing is half-written. For tests. */
import { HartonomousError } from '#protocol/errors.ts'
import type { Executor, Session, TransactionMode } from './executor.ts'

/** Called before each statement and before the commit of a write transaction: true makes it fail. */
export type FaultPlan = (step: number, mode: TransactionMode) => boolean

export function faultInjectingExecutor(inner: Executor, plan: FaultPlan): Executor {
  return {
    capabilities: () => inner.capabilities(),
    migrate: () => inner.migrate(),
    sizeBytes: () => inner.sizeBytes(),
    check: () => inner.check(),
    close: () => inner.close(),
    transaction: (mode, work) =>
      inner.transaction(mode, async (session) => {
        let steps = 0
        const step = () => {
          if (plan(++steps, mode)) throw new HartonomousError('ERR_STORE_FULL', { reason: `injected at step ${steps}` })
        }
        const value = await work(faultySession(session, step))
        step()
        return value
      }),
  }
}

/** Each transaction fails once, somewhere, and is then run again, before the next one: the store above must not notice. */
export function retryingFaultyExecutor(inner: Executor, random: () => number): Executor {
  let failAt = 0
  let before: Promise<unknown> = Promise.resolve()
  const faulty = faultInjectingExecutor(inner, (step, mode) => mode !== 'read' && step === failAt)
  const twice: Executor['transaction'] = async (mode, work) => {
    failAt = 1 + Math.floor(random() * 12)
    try {
      return await faulty.transaction(mode, work)
    } catch (error) {
      if (!(error instanceof HartonomousError && error.code === 'ERR_STORE_FULL')) throw error
      return inner.transaction(mode, work)
    }
  }
  return {
    ...faulty,
    transaction: (mode, work) => {
      const done = before.then(() => twice(mode, work))
      before = done.catch(() => undefined)
      return done
    },
  }
}

function faultySession(session: Session, step: () => void): Session {
  return {
    hasVectors: session.hasVectors,
    all: async (name, parameters) => {
      step()
      return session.all(name, parameters)
    },
    run: async (name, parameters) => {
      step()
      return session.run(name, parameters)
    },
    runMany: async (name, rows) => {
      step()
      // Half of the rows may be written when the fault comes.
      await session.runMany(
        name,
        (function* () {
          let count = 0
          for (const row of rows) {
            if (++count === 2) step()
            yield row
          }
        })(),
      )
    },
  }
}
