import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { createCountReporter } from './scripts/count-reporter.ts'

/** One project per room, so that `vitest --project node` runs just that room. Unit tests stand beside their source. */
const rooms = ['protocol', 'native', 'sql', 'node', 'coordinator', 'scripts']

/** Real sockets and processes on two shared cores: in a CI a test that fails is tried again, and vitest says so. */
const retry = process.env['CI'] === 'true' ? 2 : 0

/** A condition is waited for, not timed: a slow machine is no fault. */
const expectations = { poll: { interval: 20, timeout: 15_000 } }

export default defineConfig({
  test: {
    // Most tests wait for sockets and processes; with one core left out, as is the default, two cores would be one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ['default', createCountReporter()],
    projects: [
      ...rooms.map((room) => ({
        test: {
          name: room,
          include: [`${room}/**/*.test.ts`],
          environment: 'node',
          testTimeout: 90_000,
          hookTimeout: 60_000,
          retry,
          expect: expectations,
        },
      })),
      {
        // Started by its global setup: the contracts are compiled first. The chain of Hardhat runs in the test's process.
        test: {
          name: 'contracts',
          include: ['contracts/test/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['contracts/test/build.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          retry,
        },
      },
      {
        // Pages in a real browser, against one swarm that its global setup starts.
        test: {
          name: 'web',
          include: ['test/web/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/web/swarm.setup.ts'],
          // The first one waits until the swarm stands.
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          retry,
          expect: expectations,
        },
      },
      {
        // Whole processes, real sockets: one file at a time, because the machine has few cores.
        test: {
          name: 'e2e',
          include: ['test/*.test.ts'],
          environment: 'node',
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          retry,
          expect: expectations,
        },
      },
    ],
  },
})
