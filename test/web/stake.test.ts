/**
 * The stake page over a chain whose clock the tests move: a coordinator of their own, a wallet in the browser, and every
 * change read back from the coordinator's API and from the contracts.
 */
import { readFile } from 'node:fs/promises'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { parseHart } from '#protocol/hart.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { capture, inEachLook, type OpenOptions, pageTest } from './browser.fixture.ts'
import { findChromium } from './chromium.ts'
import { type StakeWorld, startStakeWorld } from './stake-world.fixture.ts'
import { TestWallet } from './wallet.fixture.ts'

const day = 86_400

let world: StakeWorld

beforeAll(async () => {
  if (findChromium().path !== undefined) world = await startStakeWorld()
}, 120_000)
afterAll(() => world?.close())

async function connect(page: Page, name = 'Test Wallet'): Promise<void> {
  await page.getByRole('button', { name: 'Connect a wallet' }).first().click()
  await page.getByRole('dialog').getByRole('button', { name }).click()
  await page.getByRole('region', { name: 'Wallet' }).waitFor()
}

/** Up to the review, with the amount entered. */
async function review(page: Page, amount: string): Promise<void> {
  await page.getByLabel('Amount in HART').fill(amount)
  await page.getByRole('button', { name: 'Review' }).click()
}

const stakeOf = (node: Address, wallet: TestWallet) => world.staking.stakeOf(node, parseAddress(wallet.address))
const chainError = () => world.client.call('chainState', {}).catch(({ code }: { code: string }) => code)
const dialogOf = (page: Page) => page.getByRole('dialog')

pageTest('stake: a position is read without a wallet, by any address, and says as of which block', async ({ open }) => {
  const { address } = world.operators[0]
  const page = await open(world.url('/stake'))
  await page.getByText('Whose position?').waitFor()
  await page.getByLabel('Account', { exact: true }).fill('0x123')
  await page.getByRole('button', { name: 'Look' }).click()
  await page.getByText('An address is 0x and 40 hexadecimal digits.').waitFor()
  await page.getByLabel('Account', { exact: true }).fill(address)
  await page.getByRole('button', { name: 'Look' }).click()
  const position = page.getByRole('region', { name: 'Position' })
  await position.getByText('own node').waitFor()
  expect(page.url().toLowerCase()).toContain(`address=${address}`)
  const { stakedWei, freeWei, blockNumber } = await world.client.call('account', { params: { address } })
  expect([stakedWei, freeWei]).toEqual([parseHart('2000'), parseHart('8000')].map(String))
  for (const amount of ['10,000', '8,000', '2,000']) await position.getByText(amount, { exact: true }).first().waitFor()
  await position.getByText(`as of block ${blockNumber}`).waitFor()
})

pageTest(
  'stake: one signature and one transaction, shown word for word; read back by the page, the API and the contract',
  async ({ open }) => {
    const { wallet, prepare } = await world.walletWith()
    const other = await world.walletWith('1', 'Other Wallet')
    const { address: node } = world.operators[0]
    const both = async (context: BrowserContext) => {
      await prepare(context)
      await other.prepare(context)
    }
    const page = await open(world.url('/stake'), { prepare: both })
    await connect(page)
    await page.getByRole('button', { name: `Delegate to ${node.slice(0, 7)}` }).click()
    expect(page.url()).toContain(`delegate=${node}`)
    await page.getByLabel('Amount in HART').fill('100.5')
    await page.getByText('Free in this account are only 100 HART.').waitFor()
    await page.getByLabel('Amount in HART').fill('0.5')
    await page.getByText('The least delegation is 1 HART.').waitFor()
    expect(await page.getByRole('button', { name: 'Review' }).isDisabled()).toBe(true)
    await review(page, '25.000000000000000001')
    const dialog = dialogOf(page)
    await dialog.getByText('25000000000000000001 wei').waitFor()
    expect(wallet.asked.map(({ method }) => method)).toEqual(['eth_requestAccounts'])
    await dialog.getByRole('button', { name: 'Sign the permit' }).click()
    await dialog.getByText('The contract would take it.').waitFor()
    expect(await stakeOf(node, wallet)).toBe(0n)
    await capture(page, 'stake-review')
    await dialog.getByRole('button', { name: 'Send' }).click()
    await dialog.getByText('Done, and read back').waitFor()
    expect(wallet.asked.map(({ method }) => method)).toEqual([
      'eth_requestAccounts',
      'eth_signTypedData_v4',
      'eth_sendTransaction',
    ])
    const [sent] = wallet.asked.at(-1)!.params as [{ to: string }]
    expect(sent.to.toLowerCase()).toBe(world.chain.addresses.Staking)
    const staked = await stakeOf(node, wallet)
    const position = await world.client.call('account', { params: { address: wallet.address } })
    expect(position.stakes).toEqual([{ kind: 'delegation', node, wei: String(staked) }])
    // A share is worth a whole number of wei: one may be rounded away.
    expect(parseHart('25.000000000000000001') - staked).toBeLessThan(2n)
    await dialog.getByRole('button', { name: 'Close', exact: true }).click()
    await page.getByRole('region', { name: 'Position' }).getByRole('cell', { name: 'delegation' }).waitFor()
    expect(await page.getByLabel('Amount in HART').inputValue()).toBe('')
  },
)

pageTest('unbond: the day on which it is free is shown at once, and by then it can be withdrawn', async ({ open }) => {
  const { wallet, prepare } = await world.walletWith()
  const { address: node } = world.operators[1]
  const page = await open(world.url(`/stake?delegate=${node}`), { prepare })
  await connect(page)
  await review(page, '40')
  const dialog = dialogOf(page)
  await dialog.getByRole('button', { name: 'Sign the permit' }).click()
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.getByText('Done, and read back').waitFor()
  await dialog.getByRole('button', { name: 'Close', exact: true }).click()

  await page.getByRole('button', { name: 'Unbond from' }).click()
  await dialog.getByRole('button', { name: 'Max' }).click()
  await dialog.getByRole('button', { name: 'Review' }).click()
  await dialog.getByText('The contract would take it.').waitFor()
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.getByText(/can be withdrawn on/).waitFor()
  await dialog.getByRole('button', { name: 'Close', exact: true }).click()
  const { unlocks } = await world.client.call('account', { params: { address: wallet.address } })
  expect(unlocks).toMatchObject([{ kind: 'delegation', isReady: false, unbonding: { node } }])
  const position = page.getByRole('region', { name: 'Position' })
  const shown = await position.locator('time[datetime]').last().getAttribute('datetime')
  expect(Date.parse(shown!)).toBe(unlocks[0]!.readyAtMs)
  expect(await position.getByRole('button', { name: 'Withdraw' }).count()).toBe(0)

  await world.hardhat.wait(14 * day)
  await expect
    .poll(async () => (await world.client.call('account', { params: { address: wallet.address } })).unlocks[0]!.isReady)
    .toBe(true)
  await page.reload()
  await position.getByRole('button', { name: 'Withdraw' }).click()
  await dialog.getByText('The contract would take it.').waitFor()
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.getByText(/HART are free/).waitFor()
  const { freeWei, unlockingWei } = await world.client.call('account', { params: { address: wallet.address } })
  expect(unlockingWei).toBe('0')
  expect(parseHart('100') - BigInt(freeWei)).toBeLessThan(2n)
})

pageTest('reject: whoever says no in the wallet finds the form as it was, and nothing changed', async ({ open }) => {
  const { wallet, prepare } = await world.walletWith()
  const { address: node } = world.operators[0]
  const page = await open(world.url(`/stake?delegate=${node}`), { prepare })
  await connect(page)
  await review(page, '10')
  wallet.policy.confirms = false
  const dialog = dialogOf(page)
  await dialog.getByRole('button', { name: 'Sign the permit' }).click()
  await dialog.getByText('You rejected it in the wallet. Nothing has changed.').waitFor()
  wallet.policy.confirms = true
  await dialog.getByRole('button', { name: 'Sign the permit' }).click()
  await dialog.getByText('The contract would take it.').waitFor()
  wallet.policy.confirms = false
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.getByText('You rejected it in the wallet. Nothing has changed.').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  expect(await page.getByLabel('Amount in HART').inputValue()).toBe('10')
  expect(await stakeOf(node, wallet)).toBe(0n)
})

pageTest(
  'wrong chain: the wallet is asked to switch, and to add the chain where it does not know it',
  async ({ open }) => {
    const { wallet, prepare } = await world.walletWith()
    wallet.policy.chainId = 1
    wallet.policy.knownChains.clear()
    const { address: node } = world.operators[0]
    const page = await open(world.url(`/stake?delegate=${node}`), { prepare })
    await connect(page)
    await page.getByText(`The wallet is on chain 1; these contracts are on chain ${world.chain.chainId}.`).waitFor()
    await page.getByLabel('Amount in HART').fill('10')
    expect(await page.getByRole('button', { name: 'Review' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Switch network' }).click()
    await page.getByText('The wallet is on chain').waitFor({ state: 'hidden' })
    expect(wallet.asked.map(({ method }) => method)).toEqual([
      'eth_requestAccounts',
      'wallet_switchEthereumChain',
      'wallet_addEthereumChain',
      'wallet_switchEthereumChain',
    ])
    expect(wallet.asked[2]!.params).toMatchObject([{ rpcUrls: [world.rpc.url] }])
    expect(await page.getByLabel('Amount in HART').inputValue()).toBe('10')
    expect(await page.getByRole('button', { name: 'Review' }).isEnabled()).toBe(true)
  },
)

pageTest('no typed data: an approval of exactly the amount and the stake do the same', async ({ open }) => {
  const { wallet, prepare } = await world.walletWith()
  wallet.policy.signsTypedData = false
  const { address: node } = world.operators[0]
  const page = await open(world.url(`/stake?delegate=${node}`), { prepare })
  await connect(page)
  await review(page, '12')
  const dialog = dialogOf(page)
  await dialog.getByRole('button', { name: 'Sign the permit' }).click()
  await dialog.getByText('The wallet signs no permit.').waitFor()
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.getByRole('region', { name: 'step 2' }).getByText('The contract would take it.').waitFor()
  const { token } = world
  const { Staking } = world.chain.addresses
  expect(await token.allowance(parseAddress(wallet.address), Staking)).toBe(parseHart('12'))
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.getByText('Done, and read back').waitFor()
  expect(await token.allowance(parseAddress(wallet.address), Staking)).toBe(0n)
  expect(parseHart('12') - (await stakeOf(node, wallet))).toBeLessThan(2n)
})

pageTest('refusal: what the contract would refuse is said in words before anything is sent', async ({ open }) => {
  const { wallet, prepare } = await world.walletWith()
  const { address: node } = world.operators[0]
  const page = await open(world.url(`/stake?delegate=${node}`), { prepare })
  await connect(page)
  await review(page, '90')
  const dialog = dialogOf(page)
  await dialog.getByRole('button', { name: 'Sign the permit' }).waitFor()
  // Somebody who holds the same key spends it meanwhile.
  await world.hardhat.request('hardhat_impersonateAccount', [wallet.address])
  const { to, data } = world.token.transfer(node, parseHart('50'))
  await world.hardhat.request('eth_sendTransaction', [{ from: wallet.address, to, data }])
  await world.hardhat.request('hardhat_stopImpersonatingAccount', [wallet.address])
  await dialog.getByRole('button', { name: 'Sign the permit' }).click()
  await dialog.getByText('This account has 50 HART free, and 90 HART are needed.').waitFor()
  await dialog.getByText('ERC20InsufficientBalance').waitFor()
  expect(wallet.asked.map(({ method }) => method)).not.toContain('eth_sendTransaction')
})

pageTest('account: a wallet that changes its account before something is sent ends the review', async ({ open }) => {
  const { wallet, prepare } = await world.walletWith()
  const { address: node } = world.operators[0]
  const page = await open(world.url(`/stake?delegate=${node}`), { prepare })
  await connect(page)
  await review(page, '10')
  await dialogOf(page).getByRole('button', { name: 'Sign the permit' }).waitFor()
  await wallet.useOtherAccount(page)
  await dialogOf(page).waitFor({ state: 'hidden' })
  expect(await page.getByLabel('Amount in HART').inputValue()).toBe('10')
  await page.getByText('Free in this account are only 0 HART.').waitFor()
})

pageTest(
  'rewards: each payment shows with its epoch, and the file has exactly what the API answers',
  async ({ open }) => {
    const { wallet, prepare } = await world.walletWith()
    const [operator] = world.operators
    const { address: node } = operator
    const page = await open(world.url(`/stake?delegate=${node}`), { prepare })
    await connect(page)
    await review(page, '50')
    const dialog = dialogOf(page)
    await dialog.getByRole('button', { name: 'Sign the permit' }).click()
    await dialog.getByRole('button', { name: 'Send' }).click()
    await dialog.getByText('Done, and read back').waitFor()
    for (const amount of ['7', '9']) {
      await world.give(operator, amount)
      await world.hardhat.wait(day)
    }
    const params = { address: wallet.address }
    await expect.poll(async () => (await world.client.call('accountRewards', { params })).rewards.length).toBe(2)
    await page.reload()
    const panel = page.getByRole('region', { name: 'Rewards', exact: true })
    await panel.getByText('delegation, gift').first().waitFor()
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      panel.getByRole('button', { name: 'CSV' }).click(),
    ])
    const lines = (await readFile((await file.path())!, 'utf8')).trim().split('\r\n')
    const { rewards, rewardedWei } = await world.client.call('accountRewards', { params: { address: wallet.address } })
    expect(rewards).toHaveLength(2)
    expect(lines[0]).toBe('paid_at,epoch,kind,source,node,hart,wei,block,transaction')
    expect(lines.slice(1).map((line) => line.split(',')[6])).toEqual(rewards.map(({ wei }) => wei))
    expect(rewards.reduce((sum, { wei }) => sum + BigInt(wei), 0n)).toBe(BigInt(rewardedWei))
  },
)

pageTest(
  'stake page: is accessible and stays within the window in light and dark, wide and narrow',
  async ({ open }) => {
    const { prepare } = await world.walletWith()
    const { address, signer } = world.operators[0]
    await world.staking.setCommission(700).send(signer)
    const path = world.url(`/stake?address=${address}&delegate=${address}`)
    await inEachLook(
      (options: OpenOptions) => open(path, { ...options, prepare }),
      async (page, look) => {
        await page.getByText('What 100 HART would have earned').waitFor()
        await page.getByRole('region', { name: 'Position' }).getByText('own node').waitFor()
        await capture(page, `stake-${look}`)
      },
    )
  },
)

pageTest('pending: a transaction waits for its block, also while the chain answers nobody', async ({ open }) => {
  const { wallet, prepare } = await world.walletWith()
  const { address: node } = world.operators[1]
  const page = await open(world.url(`/stake?delegate=${node}`), { prepare, expectedErrors: /503/ })
  await connect(page)
  await review(page, '5')
  const dialog = dialogOf(page)
  await dialog.getByRole('button', { name: 'Sign the permit' }).click()
  await dialog.getByText('The contract would take it.').waitFor()
  await world.hardhat.request('evm_setAutomine', [false])
  try {
    await dialog.getByRole('button', { name: 'Send' }).click()
    await dialog.getByText('sent, in no block yet').waitFor()
    world.setAway(true)
    await world.hardhat.request('evm_mine')
    await expect.poll(chainError).toBe('ERR_CHAIN_UNAVAILABLE')
    world.setAway(false)
    await dialog.getByText('Done, and read back').waitFor()
  } finally {
    world.setAway(false)
    await world.hardhat.request('evm_setAutomine', [true])
  }
  expect(parseHart('5') - (await stakeOf(node, wallet))).toBeLessThan(2n)
})

pageTest('chain away: the page names the error and what to do, and finds the chain again', async ({ open }) => {
  world.setAway(true)
  try {
    await expect.poll(chainError).toBe('ERR_CHAIN_UNAVAILABLE')
    const page = await open(world.url('/stake'), { expectedErrors: /503/ })
    await page.getByText('ERR_CHAIN_UNAVAILABLE').waitFor()
    world.setAway(false)
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('Whose position?').waitFor()
  } finally {
    world.setAway(false)
  }
})

pageTest('sign in: a wallet signs a message of this coordinator, and the page knows who it is', async ({ open }) => {
  const { wallet, prepare } = await world.walletWith()
  const page = await open(world.url('/stake'), { prepare })
  await page.getByRole('button', { name: 'Sign in' }).click()
  const dialog = dialogOf(page)
  await dialog.getByRole('button', { name: 'Test Wallet' }).click()
  await dialog.getByRole('button', { name: 'Sign in as' }).waitFor()
  wallet.policy.confirms = false
  await dialog.getByRole('button', { name: 'Sign in as' }).click()
  await dialog.getByText('You rejected it in the wallet.').waitFor()
  wallet.policy.confirms = true
  await dialog.getByRole('button', { name: 'Sign in as' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  expect(wallet.asked.at(-1)!.method).toBe('personal_sign')
  const named = page.getByRole('banner').getByTitle(new RegExp(wallet.address.slice(2, 8), 'i'))
  await named.waitFor()
})

pageTest('devnet: its nodes take delegation, and its owner gives a wallet test HART by a button', async (pages) => {
  const { swarm, client, openAsOwner } = pages
  // Without the program of the local chain it has no chain, and says so at its start.
  if (swarm.rpcUrl === undefined) return
  const { chainId } = await client.call('chainState', {})
  const wallet = new TestWallet({ rpcUrl: swarm.rpcUrl, chainId })
  const page = await openAsOwner('/stake', { prepare: (context) => wallet.install(context) })
  await connect(page)
  await page.getByRole('button', { name: 'Get test HART' }).click()
  await page.getByRole('region', { name: 'Position' }).getByText('10,000').first().waitFor()
  await page.getByRole('button', { name: 'Delegate to' }).first().click()
  await review(page, '1000')
  const dialog = dialogOf(page)
  await dialog.getByRole('button', { name: 'Sign the permit' }).click()
  await dialog.getByRole('button', { name: 'Send' }).click()
  await dialog.getByText('Done, and read back').waitFor()
  await dialog.getByRole('button', { name: 'Close', exact: true }).click()
  await capture(page, 'stake-devnet')
  const { stakes } = await client.call('account', { params: { address: wallet.address } })
  expect(stakes).toMatchObject([{ kind: 'delegation' }])
  expect(parseHart('1000') - BigInt(stakes[0]!.wei)).toBeLessThan(2n)
})
