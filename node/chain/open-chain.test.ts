import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ContractFactory } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { artifacts } from '#contracts/abi/artifacts.ts'
import { parseAddress } from '#protocol/ids.ts'
import { deployContracts, planDeployment } from './deploy.ts'
import { type HardhatChain, startDeployedHardhat, startHardhat } from './hardhat.fixture.ts'
import { parseAddressBook, readAddressBook, writeAddressBook } from './index.ts'
import { openChain } from './open-chain.ts'
import { connectRpc } from './rpc.ts'
import { type RpcServer, serveRpc } from './rpc-server.fixture.ts'
import type { AddressBook, Chain } from './types.ts'

let hardhat: HardhatChain
let chain: Chain
let book: AddressBook
let server: RpcServer
let folder: string
beforeAll(async () => {
  ;({ hardhat, chain, book } = await startDeployedHardhat())
  server = await serveRpc(hardhat.request)
  folder = await mkdtemp(join(tmpdir(), 'hart-chain-'))
})
afterAll(async () => {
  await server?.close()
  await hardhat?.close()
  await rm(folder, { recursive: true, force: true })
})

test('open chain: a chain over HTTP is taken with the address book of its deployment', async () => {
  const connection = await connectRpc({ url: server.url, chainId: book.chainId })
  const opened = await openChain(connection, book)
  expect(opened.addresses).toEqual(chain.addresses)
  expect(opened.deployedAtBlock).toBe(1)
  expect(await opened.provider.getBlockNumber()).toBe(7)
  await opened.close()
})

test('open chain: another chain id than expected is refused, and so is an address that is no URL', async () => {
  await expect(connectRpc({ url: server.url, chainId: 1 })).rejects.toMatchObject({ code: 'ERR_CHAIN_WRONG' })
  await expect(connectRpc({ url: 'localhost:8545' })).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  await expect(openChain(hardhat, { ...book, chainId: 5 })).rejects.toMatchObject({ code: 'ERR_CHAIN_WRONG' })
})

test('open chain: an address where nothing answers is told at once, without path and credentials', async () => {
  const closed = await serveRpc(hardhat.request)
  await closed.close()
  const url = `${closed.url}/v3/secret-of-a-service`
  const failure = await connectRpc({ url }).catch((error: Error) => error)
  expect(failure).toMatchObject({ code: 'ERR_CHAIN_UNAVAILABLE', fields: { url: closed.url } })
  expect(String(failure)).not.toContain('secret')
})

test('open chain: an address without code, or with the code of another contract, is refused by name', async () => {
  const swapped = { ...book, addresses: { ...book.addresses, Escrow: book.addresses.Token } }
  await expect(openChain(hardhat, swapped)).rejects.toThrow(/is not that of Escrow/)
  const nobody = parseAddress(`0x${'12'.repeat(20)}`)
  const empty = { ...book, addresses: { ...book.addresses, Models: nobody } }
  await expect(openChain(hardhat, empty)).rejects.toThrow(/no contract at 0x1212.*where Models should be/)
})

test('open chain: an address book of another version of the contracts is refused', async () => {
  const other = { ...book, codeHashes: { ...book.codeHashes, Rewards: `0x${'ab'.repeat(32)}` } }
  await expect(openChain(hardhat, other)).rejects.toThrow(/another version of Rewards/)
})

test('open chain: the right code that was told of a false token is refused', async () => {
  const { abi, bytecode } = artifacts.Escrow
  const factory = new ContractFactory(abi, bytecode, await hardhat.signer(1))
  const falseToken = `0x${'34'.repeat(20)}`
  const contract = await factory.deploy(falseToken, book.addresses.Models)
  await contract.waitForDeployment()
  const swapped = { ...book, addresses: { ...book.addresses, Escrow: parseAddress(String(contract.target)) } }
  await expect(openChain(hardhat, swapped)).rejects.toMatchObject({
    code: 'ERR_CHAIN_WRONG',
    message: expect.stringMatching(/Escrow.*knows 0x3434.*as its token/),
  })
})

test('deploy: the plan names addresses, arguments and a lower bound of the gas that deployment then keeps to', async () => {
  const fresh = await startHardhat()
  try {
    const signer = await fresh.signer(3)
    const plan = await planDeployment(fresh, parseAddress(await signer.getAddress()))
    const used: [string, bigint][] = []
    const { chain: deployed, gasUsed } = await deployContracts(fresh, signer, {
      onDeployed: ({ name }, gas) => used.push([name, gas]),
    })
    expect(plan.contracts.map(({ name, address }) => [name, address])).toEqual(Object.entries(deployed.addresses))
    for (const [index, [name, gas]] of used.entries()) {
      const { gasLeast } = plan.contracts[index]!
      expect(Number(gas), name).toBeGreaterThanOrEqual(gasLeast)
      expect(Number(gas), name).toBeLessThan(gasLeast * 1.2)
    }
    expect(gasUsed).toBe(used.reduce((sum, [, gas]) => sum + gas, 0n))
  } finally {
    await fresh.close()
  }
})

test('address book: what is written is read again, and addresses may be in mixed case', async () => {
  const path = join(folder, 'chain.json')
  expect(await readAddressBook(path)).toBeUndefined()
  await writeAddressBook(path, book)
  expect(await readAddressBook(path)).toEqual(book)
  const mixed = JSON.stringify(book).replace(book.addresses.Token, book.addresses.Token.toUpperCase().replace('X', 'x'))
  expect(parseAddressBook(mixed)).toEqual(book)
})

test('address book: a damaged one is refused with the place of the damage', async () => {
  const path = join(folder, 'damaged.json')
  await writeFile(path, '{"chainId":')
  await expect(readAddressBook(path)).rejects.toMatchObject({ code: 'ERR_CONFIG', fields: { key: path } })
  const wrong = (change: object) => () => parseAddressBook(JSON.stringify({ ...book, ...change }))
  expect(wrong({ chainId: 0 })).toThrow(/chainId/)
  expect(wrong({ addresses: { ...book.addresses, Token: '0x12' } })).toThrow(/addresses.Token: not an address/)
  expect(wrong({ codeHashes: {} })).toThrow(/codeHashes/)
  expect(wrong({ extra: 1 })).toThrow(/extra/)
})
