import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const lockUrl = new URL('./lock.js', import.meta.url).href
const { acquireLock } = await import(lockUrl)
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hartonomous-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Whether the lock is had within a moment. */
async function isFree(): Promise<boolean> {
  let hasWaited: () => void = () => {}
  const waited = new Promise<false>((resolve) => {
    hasWaited = () => resolve(false)
  })
  const acquired = acquireLock(folder, { onWait: hasWaited, pollMs: 10 }).then((lock: { release: () => void }) => {
    lock.release()
    return true
  })
  return Promise.race([acquired, waited])
}

const alive = () => ({ pid: process.pid, host: hostname() })
const write = (name: string, content: unknown) => writeFileSync(join(folder, name), JSON.stringify(content))

test('bootstrap lock: is had once, and again after its release', async () => {
  const lock = await acquireLock(folder)
  expect(await isFree()).toBe(false)
  lock.release()
  await expect.poll(isFree).toBe(true)
})

test('bootstrap lock: a holder that is gone is replaced', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '0'])
  write('4.json', { pid, host: hostname() })
  expect(await isFree()).toBe(true)
  expect(readdirSync(folder)).toEqual(['5.json'])
})

test('bootstrap lock: waits for the npm of a holder that is gone', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '0'])
  write('4.json', { pid, host: hostname(), npm: alive() })
  expect(await isFree()).toBe(false)
  write('4.json', { pid, host: hostname(), npm: { pid } })
  await expect.poll(isFree).toBe(true)
})

test.skipIf(process.platform !== 'linux')('bootstrap lock: a reused process id is not its holder', async () => {
  write('1.json', { ...alive(), startTicks: '1' })
  expect(await isFree()).toBe(true)
})

test('bootstrap lock: a holder on another machine counts while it keeps touching its file', async () => {
  write('1.json', { pid: 1, host: 'another-machine' })
  expect(await isFree()).toBe(false)
})

test('bootstrap lock: many processes count without a miss, although some are killed while they hold it', async () => {
  const counter = join(folder, 'counter')
  const held = join(folder, 'held')
  writeFileSync(counter, '0')
  // A second holder would find the folder `held` or lose counts. Each fourth process kills itself while holding.
  const source = `
    import { acquireLock } from ${JSON.stringify(lockUrl)}
    import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
    import { setTimeout as sleep } from 'node:timers/promises'
    for (let i = 0; i < 5; i++) {
      const lock = await acquireLock(${JSON.stringify(folder)}, { pollMs: 5 })
      mkdirSync(${JSON.stringify(held)})
      const count = Number(readFileSync(${JSON.stringify(counter)}, 'utf8'))
      await sleep(2)
      writeFileSync(${JSON.stringify(counter)}, String(count + 1))
      rmdirSync(${JSON.stringify(held)})
      if (i === 4 && process.argv[1] === 'killed') process.kill(process.pid, 'SIGKILL')
      lock.release()
    }`
  const ends = await Promise.all(
    Array.from({ length: 8 }, (_, i) => {
      const name = i % 4 === 0 ? 'killed' : 'ends'
      const child = spawn(process.execPath, ['--input-type=module', '-e', source, name], {
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      return new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)))
    }),
  )
  expect(ends).toEqual(['SIGKILL', 0, 0, 0, 'SIGKILL', 0, 0, 0])
  expect(readFileSync(counter, 'utf8')).toBe('40')
})
