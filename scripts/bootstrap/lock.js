/**
 * One start installs at a time; the others wait. A killed holder is noticed and replaced.
 *
 * A plain lock file cannot be taken over safely: between "its holder is dead" and "remove it" another waiter may have
 * taken it. So the lock is a row of numbered files. The highest number holds; it is never removed, only marked as
 * released, and a new holder links in the next number, which the file system allows to one process only.
 */
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 150
const HEARTBEAT_MS = 5_000
/** For a holder on another machine (a shared folder), whose process we cannot ask about. */
const HEARTBEAT_STALE_MS = 60_000
/** A file that cannot be read yet is being written by its holder, unless it stays so. */
const UNREADABLE_STALE_MS = 5_000

/**
 * @param {string} folder
 * @param {{ onWait?: (holder: object) => void, pollMs?: number }} options
 * @returns {Promise<{ number: number, update: (fields: object) => void, release: () => void }>}
 */
export async function acquireLock(folder, { onWait = () => {}, pollMs = POLL_MS } = {}) {
  mkdirSync(folder, { recursive: true })
  const self = { ...describeProcess(process.pid), host: hostname() }
  for (;;) {
    const highest = highestNumber(folder)
    if (highest > 0) {
      const holder = readHolder(folder, highest)
      if (holder === undefined) continue
      if (isHeld(holder)) {
        onWait(holder)
        await sleep(pollMs)
        continue
      }
    }
    if (tryTake(folder, highest + 1, self)) return heldLock(folder, highest + 1, self)
  }
}

function heldLock(folder, number, self) {
  const file = join(folder, `${number}.json`)
  const heartbeat = setInterval(() => touch(file), HEARTBEAT_MS)
  heartbeat.unref()
  return {
    number,
    update: (fields) => replaceFile(folder, file, { ...self, ...fields }),
    release: () => {
      clearInterval(heartbeat)
      replaceFile(folder, file, { ...self, isReleased: true })
    },
  }
}

function numbersIn(folder) {
  return readdirSync(folder).flatMap((name) => (/^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : []))
}

function highestNumber(folder) {
  return Math.max(0, ...numbersIn(folder))
}

function tryTake(folder, number, self) {
  const file = join(folder, `${number}.json`)
  const temporary = temporaryName(folder)
  try {
    writeFileSync(temporary, JSON.stringify(self))
    linkSync(temporary, file)
  } catch (error) {
    if (error.code === 'EEXIST' || error.code === 'ENOENT') return false
    if (!createExclusively(file, self, error)) return false
  } finally {
    rmSync(temporary, { force: true })
  }
  // Somebody may have taken, released and passed on this very number since we looked: then a higher one exists.
  if (highestNumber(folder) > number) {
    rmSync(file, { force: true })
    return false
  }
  for (const older of numbersIn(folder)) if (older < number) rmSync(join(folder, `${older}.json`), { force: true })
  return true
}

/** For file systems without hard links (exFAT, some network mounts). */
function createExclusively(file, self, linkError) {
  if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EISDIR'].includes(linkError.code)) throw linkError
  try {
    writeFileSync(file, JSON.stringify(self), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function temporaryName(folder) {
  return join(folder, `${process.pid}-${Math.random().toString(36).slice(2)}.tmp`)
}

function replaceFile(folder, file, content) {
  const temporary = temporaryName(folder)
  writeFileSync(temporary, JSON.stringify(content))
  renameSync(temporary, file)
}

function touch(file) {
  try {
    const now = new Date()
    utimesSync(file, now, now)
  } catch {
    // The folder was removed under us; the work goes on and the next start begins afresh.
  }
}

/** The holder's record, `{ ageMs }` alone where it cannot be read, undefined where the file has just gone. */
function readHolder(folder, number) {
  const file = join(folder, `${number}.json`)
  try {
    const ageMs = Date.now() - statSync(file).mtimeMs
    const text = readFileSync(file, 'utf8')
    try {
      return { ...JSON.parse(text), ageMs }
    } catch {
      return { ageMs }
    }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function isHeld(holder) {
  if (holder.isReleased) return false
  if (holder.pid === undefined) return holder.ageMs < UNREADABLE_STALE_MS
  if (holder.host !== hostname()) return holder.ageMs < HEARTBEAT_STALE_MS
  // The npm of a killed start may still be writing: it counts as holding until it is gone too.
  return isAlive(holder) || (holder.npm !== undefined && isAlive(holder.npm))
}

/** A process id alone may be reused; on Linux the start time (clock ticks since boot) tells the two apart. */
export function describeProcess(pid) {
  return { pid, startTicks: processState(pid)?.startTicks }
}

function isAlive({ pid, startTicks }) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (error.code === 'ESRCH') return false
  }
  const state = processState(pid)
  if (state === undefined) return true
  if (state.letter === 'Z' || state.letter === 'X') return false
  return startTicks === undefined || state.startTicks === startTicks
}

/** From /proc (proc_pid_stat(5), fields 3 and 22); undefined on other systems. */
function processState(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { letter: fields[0], startTicks: fields[19] }
  } catch {
    return undefined
  }
}
