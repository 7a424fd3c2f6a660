import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deployContracts } from '../deploy.ts'
import { openChain } from '../open-chain.ts'
import { connectRpc } from '../rpc.ts'
import { localChainId, startAnvil } from './anvil.ts'
import { anvilBinary } from './binary.ts'
import { loadOrCreateMnemonic } from './mnemonic.ts'
import { secureState } from './state-file.ts'

/** Undefined where anvil is here; else why it is not. */
function whyMissing(): string | undefined {
  try {
    anvilBinary()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const missing = whyMissing()
if (missing !== undefined) console.warn(`the tests of the local chain are left out: ${missing}`)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-anvil-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('anvil: a platform without it is told what is missing and how to get it', () => {
  expect(() => anvilBinary('sunos', 'sparc')).toThrow(/not installed for sunos sparc; npm install @foundry-rs\/anvil/)
})

test('anvil: the words of a chain are made once, for its owner only, and a damaged file is not replaced', async () => {
  const path = join(folder, 'keys', 'mnemonic')
  const [one, two] = await Promise.all([loadOrCreateMnemonic(path), loadOrCreateMnemonic(path)])
  expect(one.phrase.split(' ')).toHaveLength(12)
  expect(two.phrase).toBe(one.phrase)
  expect((await loadOrCreateMnemonic(path)).phrase).toBe(one.phrase)
  expect((await loadOrCreateMnemonic(join(folder, 'other'))).phrase).not.toBe(one.phrase)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  await writeFile(path, 'these are no words of a key\n')
  await expect(loadOrCreateMnemonic(path)).rejects.toMatchObject({ code: 'ERR_CONFIG', fields: { key: path } })
})

test('anvil: half a state is put aside and the last good one taken', async () => {
  const path = join(folder, 'state.json')
  expect(await secureState(path)).toBe('none')
  await writeFile(path, '{"block":1}')
  expect(await secureState(path)).toBe('good')
  await writeFile(path, '{"block":2')
  expect(await secureState(path)).toBe('restored')
  expect(await readFile(path, 'utf8')).toBe('{"block":1}')
  expect(await readFile(`${path}.damaged`, 'utf8')).toBe('{"block":2')
})

describe.skipIf(missing !== undefined)('anvil:', () => {
  test('a chain outlives an orderly stop, with its contracts and events', async () => {
    const first = await startAnvil({ folder })
    expect(first.chainId).toBe(localChainId)
    const { book, chain } = await deployContracts(first, first.account(0))
    const account = first.account(0).address
    const logs = await chain.provider.getLogs({ address: book.addresses.Token, fromBlock: book.deployedAtBlock })
    expect(logs.length).toBeGreaterThan(0)
    await first.close()
    await expect(connectRpc({ url: first.rpcUrl })).rejects.toMatchObject({ code: 'ERR_CHAIN_UNAVAILABLE' })

    const second = await startAnvil({ folder })
    try {
      expect(second.state).toBe('good')
      expect(second.account(0).address).toBe(account)
      const opened = await openChain(second, book)
      const again = await opened.provider.getLogs({ address: book.addresses.Token, fromBlock: book.deployedAtBlock })
      expect(again.map(({ transactionHash }) => transactionHash)).toEqual(logs.map((log) => log.transactionHash))
    } finally {
      await second.close()
    }
  })

  test('a chain that is killed goes on with what it wrote last', async () => {
    const first = await startAnvil({ folder, stateIntervalSeconds: 1 })
    const { book } = await deployContracts(first, first.account(0))
    // The last contract is in the file, and the file is whole.
    const written = () => readFile(join(folder, 'state.json'), 'utf8').catch(() => '')
    await expect.poll(written).toMatch(new RegExp(`${book.addresses.Reputation}[^]*}$`))
    process.kill(-first.pid, 'SIGKILL')
    expect(await first.exited).toContain('SIGKILL')
    await first.close()
    const second = await startAnvil({ folder })
    try {
      expect((await openChain(second, book)).addresses).toEqual(book.addresses)
    } finally {
      await second.close()
    }
  })

  test('a chain ends with the process that started it, killed without a word, and has written its state', async () => {
    const source = `
      const { startAnvil } = await import(${JSON.stringify(fileURLToPath(new URL('./anvil.ts', import.meta.url)))})
      const chain = await startAnvil({ folder: ${JSON.stringify(folder)}, stateIntervalSeconds: 3600 })
      await chain.provider.send('anvil_mine', ['0x5'])
      console.log(chain.rpcUrl)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [url] = (await once(createInterface(parent.stdout), 'line')) as [string]
    const seen = await connectRpc({ url })
    expect(await seen.provider.getBlockNumber()).toBe(5)
    await seen.close()
    parent.kill('SIGKILL')
    await expect
      .poll(() =>
        connectRpc({ url }).then(
          () => 'there',
          () => 'gone',
        ),
      )
      .toBe('gone')
    await expect.poll(() => secureState(join(folder, 'state.json'))).toBe('good')
    const again = await startAnvil({ folder })
    expect(await again.provider.getBlockNumber()).toBe(5)
    await again.close()
  })

  test('a chain mines nothing while nobody asks, and takes no orders from a page in a browser', async () => {
    const chain = await startAnvil({ folder })
    try {
      expect(await chain.provider.send('eth_accounts', [])).toEqual([])
      const preflight = await fetch(chain.rpcUrl, { method: 'OPTIONS', headers: { origin: 'http://page.example' } })
      expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
      // A page may send this without asking first; the answer it could not read anyway.
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'anvil_mine', params: ['0x1'] })
      const blind = await fetch(chain.rpcUrl, { method: 'POST', headers: { 'content-type': 'text/plain' }, body })
      expect(await blind.json()).toMatchObject({ error: { code: -32600 } })
      expect(await chain.provider.getBlockNumber()).toBe(0)
    } finally {
      await chain.close()
    }
  })

  test('a chain answers over a websocket, and a call after its end fails instead of waiting', async () => {
    const chain = await startAnvil({ folder })
    const socket = await connectRpc({ url: chain.rpcUrl.replace('http', 'ws'), chainId: localChainId })
    expect(await socket.provider.getBlockNumber()).toBe(0)
    await chain.close()
    await expect.poll(() => socket.provider.destroyed).toBe(true)
    await expect(socket.provider.getBlockNumber()).rejects.toThrow()
    await expect(connectRpc({ url: chain.rpcUrl.replace('http', 'ws') })).rejects.toMatchObject({
      code: 'ERR_CHAIN_UNAVAILABLE',
    })
    await socket.close()
  })

  test('a port that is taken is told with what anvil says', async () => {
    const chain = await startAnvil({ folder })
    try {
      const port = Number(new URL(chain.rpcUrl).port)
      await expect(startAnvil({ folder: join(folder, 'second'), port })).rejects.toMatchObject({
        code: 'ERR_CHAIN_UNAVAILABLE',
        message: expect.stringMatching(/in use/i),
      })
    } finally {
      await chain.close()
    }
  })
})
