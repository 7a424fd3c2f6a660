/**
 * Completes package-lock.json; with `--check` it only lists what is missing and fails. Run it after every `npm install`
 * that changes the lock file.
 *
 * npm drops an optional package from the lock file when the registry at hand does not serve it (a mirror that holds
 * only some platforms does that), and then `npm ci` refuses its own lock file: "Missing: … from lock file". And where
 * a user's npm leaves out tarball addresses (`omit-lockfile-registry-resolved`), every install asks the registry for
 * each package's list of versions first: 66 MB more. npm puts the user's own registry in place of registry.npmjs.org.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface LockedPackage {
  name?: string
  version?: string
  resolved?: string
  link?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

export interface MissingPackage {
  /** Where npm would put it, such as `node_modules/knip/node_modules/@oxc-parser/binding-darwin-x64`. */
  location: string
  entry: LockedPackage
}

const OS_OF_WORD: Readonly<Record<string, string>> = {
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  mac: 'darwin',
  openharmony: 'openharmony',
  win: 'win32',
  win32: 'win32',
}
const CPU_OF_WORD: Readonly<Record<string, string>> = {
  amd64: 'x64',
  arm: 'arm',
  arm64: 'arm64',
  armv7l: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  x64: 'x64',
}
const LIBC_OF_WORD: Readonly<Record<string, string>> = { gnu: 'glibc', musl: 'musl' }

type Packages = Record<string, LockedPackage>

/** The entries that the lock file should have and has not. Only exact versions can be completed; others are reported by npm. */
export function missingOptionalPackages(packages: Packages, overridden: ReadonlySet<string>): MissingPackage[] {
  const missing: MissingPackage[] = []
  for (const [location, parent] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      if (overridden.has(name) || !/^\d+\.\d+\.\d+$/.test(version)) continue
      if (resolveFrom(packages, location, name) === undefined) {
        missing.push({
          location: placeFor(packages, location, name),
          entry: { version, optional: true, ...platformOf(name) },
        })
      }
    }
  }
  return missing
}

/** As Node resolves: the nearest `node_modules` folder upwards that holds the name. */
function resolveFrom(packages: Packages, location: string, name: string): string | undefined {
  for (let at = location; ; ) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    if (packages[candidate] !== undefined) return candidate
    if (at === '') return undefined
    const cut = at.lastIndexOf('/node_modules/')
    at = cut < 0 ? '' : at.slice(0, cut)
  }
}

/** Beside its parent, where npm places a platform package that nothing else asks for in another version. */
function placeFor(packages: Packages, parent: string, name: string): string {
  const cut = parent.lastIndexOf('node_modules/')
  const beside = `${parent.slice(0, cut)}node_modules/${name}`
  return packages[beside] === undefined ? beside : `${parent}/node_modules/${name}`
}

function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const words = name.slice(name.indexOf('/') + 1).split('-')
  const pick = (table: Readonly<Record<string, string>>) => words.flatMap((word) => table[word] ?? [])
  const [os, cpu, libc] = [pick(OS_OF_WORD), pick(CPU_OF_WORD), pick(LIBC_OF_WORD)]
  return {
    ...(os.length > 0 ? { os } : {}),
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(libc.length > 0 && os[0] === 'linux' ? { libc } : {}),
  }
}

/** Where the public registry keeps the tarball of an entry; undefined for the root and for links. */
export function tarballAddress(location: string, entry: LockedPackage): string | undefined {
  if (location === '' || entry.link === true || entry.version === undefined) return undefined
  const name = entry.name ?? location.slice(location.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return `https://registry.npmjs.org/${name}/-/${name.slice(name.indexOf('/') + 1)}-${entry.version}.tgz`
}

/** Reads, completes and (unless `check`) rewrites the lock file under `root`. Returns a line for each thing missing. */
export function completeLockFile(root: string, options: { check: boolean }): string[] {
  const file = `${root}/package-lock.json`
  const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Packages }
  const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { overrides?: Record<string, unknown> }
  const found: string[] = []
  for (const { location, entry } of missingOptionalPackages(
    lock.packages,
    new Set(Object.keys(manifest.overrides ?? {})),
  )) {
    lock.packages[location] = entry
    found.push(`${location} ${entry.version}`)
  }
  for (const [location, entry] of Object.entries(lock.packages)) {
    const resolved = entry.resolved ?? tarballAddress(location, entry)
    if (resolved === undefined || entry.resolved !== undefined) continue
    const { name, version, ...rest } = entry
    lock.packages[location] = {
      ...(name === undefined ? {} : { name }),
      ...(version ? { version } : {}),
      resolved,
      ...rest,
    }
    found.push(`${location}: address`)
  }
  if (found.length > 0 && !options.check) {
    const names = Object.keys(lock.packages).sort((a, b) => a.localeCompare(b, 'en'))
    const packages = Object.fromEntries(names.map((name) => [name, lock.packages[name]]))
    writeFileSync(file, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`)
  }
  return found
}

if (import.meta.main) {
  const check = process.argv.includes('--check')
  const found = completeLockFile(fileURLToPath(new URL('..', import.meta.url)), { check })
  for (const line of found) console.log(line)
  console.error(`${found.length} things ${check ? 'are missing' : 'added'}`)
  if (check && found.length > 0) process.exitCode = 1
}
