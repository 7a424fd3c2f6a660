/** Which entries of package-lock.json npm installs on this machine. */

/** `!win32` means: everywhere but there. */
function allows(list, name) {
  if (list === undefined || list.includes(name)) return true
  return list.length > 0 && list.every((item) => item.startsWith('!') && item !== `!${name}`)
}

function isForThisPlatform({ os, cpu, libc }) {
  return allows(os, process.platform) && allows(cpu, process.arch) && (libc === undefined || allows(libc, libcName()))
}

let libcNameFound
function libcName() {
  if (process.platform !== 'linux') return undefined
  // Without this the report looks up the names of network peers, which can take seconds.
  process.report.excludeNetwork = true
  libcNameFound ??= process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
  return libcNameFound
}

/** As Node resolves: the nearest `node_modules` folder upwards that holds the name. */
function resolveFrom(packages, location, name) {
  for (let at = location; ; ) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    if (packages[candidate] !== undefined) return candidate
    if (at === '') return undefined
    const cut = at.lastIndexOf('/node_modules/')
    at = cut < 0 ? '' : at.slice(0, cut)
  }
}

/**
 * Locations reachable from the root by way of packages that are for this platform: what only a package for another
 * platform needs is left out too.
 * @param {Record<string, object>} packages `packages` of the lock file
 * @returns {Set<string>}
 */
export function locationsForThisPlatform(packages) {
  const found = new Set([''])
  for (const location of found) {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = packages[location]
    const names = {
      ...dependencies,
      ...(location === '' ? devDependencies : {}),
      ...optionalDependencies,
      ...peerDependencies,
    }
    for (const name of Object.keys(names)) {
      const at = resolveFrom(packages, location, name)
      if (at !== undefined && isForThisPlatform(packages[at])) found.add(at)
    }
  }
  found.delete('')
  return found
}
