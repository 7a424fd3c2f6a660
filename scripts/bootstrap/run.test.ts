import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Copy,
  createCopy,
  createRegistry,
  createTarball,
  pinNode,
  type Registry,
  type Tarball,
  writePackages,
} from './fixture.ts'

let copy: Copy
let registry: Registry | undefined

beforeEach(() => {
  copy = createCopy()
})
afterEach(async () => {
  await registry?.close()
  registry = undefined
  copy.remove()
})

async function markReady(): Promise<void> {
  const { writeStamp } = await import(join(copy.root, 'scripts/bootstrap/packages.js'))
  writeStamp(copy.root, process.versions.node)
}

describe('bootstrap, when everything is there', () => {
  beforeEach(markReady)

  test('bootstrap: passes arguments on and says nothing itself', async () => {
    const result = await copy.run(['target.mjs', '--once', 'a b', '--'])
    expect(result).toMatchObject({ code: 0, signal: null, stderr: '', stdout: '["--once","a b","--"]\n' })
  })

  test('bootstrap: ends with the exit code of the program', async () => {
    copy.write('target.mjs', 'process.exitCode = 37\n')
    expect((await copy.run(['target.mjs'])).code).toBe(37)
  })

  test('bootstrap: without a target it explains itself and exits with 2', async () => {
    expect(await copy.run([])).toMatchObject({ code: 2, stdout: '' })
  })

  test('bootstrap: runs the command of an installed package', async () => {
    copy.write('node_modules/@scope/tool/package.json', '{"name":"@scope/tool","bin":{"other":"b.js","tool":"a.mjs"}}')
    copy.write('node_modules/@scope/tool/a.mjs', 'console.log("tool", ...process.argv.slice(2))\n')
    expect((await copy.run(['@scope/tool', 'x'])).stdout).toBe('tool x\n')
  })

  test('bootstrap: what the program starts by the name of node is the same Node', async () => {
    copy.write(
      'target.mjs',
      "import { spawnSync } from 'node:child_process'\nspawnSync('node', ['-p', 'process.execPath'], { stdio: 'inherit' })\n",
    )
    expect((await copy.run(['target.mjs'])).stdout.trim()).toBe(process.execPath)
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'bootstrap: passes %s on once, however often it comes at once',
    async (signal) => {
      copy.write(
        'target.mjs',
        `let count = 0
process.on('${signal}', () => { if (++count === 1) setTimeout(() => process.exit(40 + count), 400) })
setInterval(() => {}, 1000)
console.log('ready')\n`,
      )
      const started = copy.start(['target.mjs'])
      await started.saw('ready')
      started.child.kill(signal)
      await sleep(50)
      started.child.kill(signal)
      expect(await started.finished).toMatchObject({ code: 41, signal: null })
    },
  )

  test('bootstrap: ends by the signal that ended the program', async () => {
    copy.write('target.mjs', "console.log('ready')\nsetInterval(() => {}, 1000)\n")
    const started = copy.start(['target.mjs'])
    await started.saw('ready')
    started.child.kill('SIGTERM')
    expect(await started.finished).toMatchObject({ code: null, signal: 'SIGTERM' })
  })
})

describe('bootstrap, when packages are missing', () => {
  const tarball = createTarball({ 'package/package.json': '{"name":"slow","version":"1.0.0"}', 'package/index.js': '' })

  test('bootstrap: installs, keeps stdout clean, and does nothing the next time', async () => {
    const first = await copy.run(['target.mjs', 'a'])
    expect(first).toMatchObject({ code: 0, stdout: '["a"]\n' })
    expect(first.stderr).toContain('npm packages are ready')
    expect(await copy.run(['target.mjs', 'b'])).toMatchObject({ code: 0, stdout: '["b"]\n', stderr: '' })
  })

  test('bootstrap: installs again when the lock file changes', async () => {
    await markReady()
    registry = await createRegistry((_request, response) => response.end(tarball.bytes))
    writePackages(copy, { slow: { url: registry.url, tarball } })
    expect(await copy.run(['target.mjs'])).toMatchObject({ code: 0, stdout: '[]\n' })
    expect(existsSync(join(copy.root, 'node_modules/slow/index.js'))).toBe(true)
  })

  test('bootstrap: takes over what `npm install` left, where it agrees with the lock file', async () => {
    writePackages(copy, { slow: { url: 'http://127.0.0.1:9', tarball } })
    const lock = JSON.parse(readFileSync(join(copy.root, 'package-lock.json'), 'utf8'))
    delete lock.packages['']
    copy.write('node_modules/.package-lock.json', JSON.stringify(lock))
    expect(await copy.run(['target.mjs'])).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' })
  })

  test('bootstrap: of two starts at once one installs, and the other says that it waits', async () => {
    registry = await createRegistry((_request, response) => setTimeout(() => response.end(tarball.bytes), 1_500))
    writePackages(copy, { slow: { url: registry.url, tarball } })
    const first = copy.start(['target.mjs', '1'])
    await first.saw('installing')
    const second = copy.start(['target.mjs', '2'])
    await second.saw(`process ${first.child.pid} is installing already`)
    expect(await first.finished).toMatchObject({ code: 0, stdout: '["1"]\n' })
    expect(await second.finished).toMatchObject({ code: 0, stdout: '["2"]\n' })
    expect(registry.requests.map((request) => request.url)).toEqual(['/slow/-/slow-1.0.0.tgz'])
  })

  test('bootstrap: after kill -9 in the middle npm stops too, and the next start begins afresh', async () => {
    let hangs = true
    let closed: () => void = () => {}
    const connectionClosed = new Promise<void>((resolve) => {
      closed = resolve
    })
    let asked: () => void = () => {}
    const tarballAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    registry = await createRegistry((_request, response) => {
      if (!hangs) return response.end(tarball.bytes)
      response.on('close', closed)
      asked()
    })
    writePackages(copy, { slow: { url: registry.url, tarball } })
    const killed = copy.start(['target.mjs'])
    await tarballAsked
    killed.child.kill('SIGKILL')
    await connectionClosed
    hangs = false
    const next = await copy.run(['target.mjs', 'again'])
    expect(next).toMatchObject({ code: 0, stdout: '["again"]\n' })
    expect(existsSync(join(copy.root, 'node_modules/slow/index.js'))).toBe(true)
  })

  test('bootstrap: a failed install names the remedy, leaves no stamp, and is tried again', async () => {
    registry = await createRegistry((_request, response, count) => {
      response.statusCode = count === 1 ? 403 : 200
      response.end(count === 1 ? '' : tarball.bytes)
    })
    writePackages(copy, { slow: { url: registry.url, tarball } })
    const failed = await copy.run(['target.mjs'])
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toContain('fix: ')
    expect(await copy.run(['target.mjs'])).toMatchObject({ code: 0, stdout: '[]\n' })
  })
})

describe('bootstrap, when there are sources of the addon', () => {
  beforeEach(markReady)

  test('bootstrap: an addon that cannot be built is told in one line, once, and the program runs', async () => {
    copy.write('native/CMakeLists.txt', 'message(FATAL_ERROR "no")\n')
    copy.write('native/addon/addon.cpp', '')
    copy.write('native/kernels/sums.cpp', '')
    const first = await copy.run(['target.mjs', 'a'])
    expect(first).toMatchObject({ code: 0, stdout: '["a"]\n' })
    expect(first.stderr).toMatch(/^bootstrap: no native addon \(.+\); TypeScript does its work\n$/)
    expect(await copy.run(['target.mjs', 'b'])).toMatchObject({ code: 0, stdout: '["b"]\n', stderr: '' })
    copy.write('native/kernels/sums.cpp', '// changed\n')
    expect((await copy.run(['target.mjs'])).stderr).toContain('no native addon')
  })

  test('bootstrap: a shipped addon, or the wish for none, leaves the compiler alone', async () => {
    copy.write('native/CMakeLists.txt', 'message(FATAL_ERROR "no")\n')
    expect(await copy.run(['target.mjs'], { HARTONOMOUS_NATIVE: 'fallback' })).toMatchObject({ code: 0, stderr: '' })
    copy.write(`native/prebuilt/${process.platform}-${process.arch}/hartonomous.node`, 'shipped')
    expect(await copy.run(['target.mjs'])).toMatchObject({ code: 0, stderr: '' })
  })
})

describe.skipIf(process.platform === 'win32')('bootstrap, when Node is too old', () => {
  /** Stands in for the 100 MB: answers as its version, and runs everything else under the Node of this test. */
  const script = `#!/bin/sh
if [ "$1" = --version ]; then echo v24.99.0; else exec '${process.execPath}' "$@"; fi
# ${'x'.repeat(20_000)}\n`
  const tarball = createTarball({ 'package/package.json': '{"name":"node-test"}', 'package/bin/node': script })
  const pinned = () => ({ HARTONOMOUS_NODE: 'pinned', npm_config_registry: registry?.url })
  const toolchain = () => readdirSync(join(copy.root, '.toolchain')).filter((name) => name.startsWith('node-'))

  async function serve(content: Tarball, answer?: Parameters<typeof createRegistry>[0]): Promise<void> {
    registry = await createRegistry(answer ?? ((_request, response) => response.end(content.bytes)))
    pinNode(copy, tarball)
  }

  test('bootstrap: fetches the pinned Node, says how much, and runs under it', async () => {
    await serve(tarball)
    const result = await copy.run(['target.mjs', 'a'], pinned())
    expect(result).toMatchObject({ code: 0, stdout: '["a"]\n' })
    expect(result.stderr).toContain('fetching node-test 24.99.0 (')
    expect(registry?.requests[0]?.url).toBe('/node-test/-/node-test-24.99.0.tgz')
    expect(toolchain()).toEqual([`node-v24.99.0-${process.platform}-${process.arch}`])
    expect(await copy.run(['target.mjs', 'b'], pinned())).toMatchObject({ code: 0, stderr: '', stdout: '["b"]\n' })
  })

  test('bootstrap: refuses a Node with another hash than the pinned one', async () => {
    await serve(createTarball({ 'package/package.json': '{}', 'package/bin/node': '#!/bin/sh\necho stolen\n' }))
    const result = await copy.run(['target.mjs'], pinned())
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(/has the hash sha512-.*expected sha512-/)
    expect(result.stderr).toContain('fix: ')
    expect(toolchain()).toEqual([])
  })

  test('bootstrap: goes on where an interrupted download stopped', async () => {
    const half = Math.floor(tarball.bytes.length / 2)
    await serve(tarball, (request, response, count) => {
      if (count === 1) {
        response.setHeader('content-length', tarball.bytes.length)
        response.write(tarball.bytes.subarray(0, half), () => setTimeout(() => response.destroy(), 50))
        return
      }
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1])
      response.statusCode = 206
      response.end(tarball.bytes.subarray(from))
    })
    expect(await copy.run(['target.mjs'], pinned())).toMatchObject({ code: 0, stdout: '[]\n' })
    expect(registry?.requests.map((request) => request.headers.range)).toEqual([undefined, `bytes=${half}-`])
  })

  test('bootstrap: a spoiled rest of an earlier download is thrown away and fetched whole', async () => {
    copy.write('.toolchain/download/node-test-24.99.0.tgz', 'not the first bytes')
    await serve(tarball, (request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      response.statusCode = from > 0 ? 206 : 200
      response.end(tarball.bytes.subarray(from))
    })
    expect(await copy.run(['target.mjs'], pinned())).toMatchObject({ code: 0, stdout: '[]\n' })
  })

  test('bootstrap: an unreachable registry gives the reason and the remedy', async () => {
    await serve(tarball)
    const env = pinned()
    await registry?.close()
    registry = undefined
    const result = await copy.run(['target.mjs'], env)
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain('ECONNREFUSED')
    expect(result.stderr).toContain('fix: Only the npm registry is needed')
  })
})
