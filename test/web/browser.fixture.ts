/**
 * A real browser at a real swarm. `pageTest` opens a page of its own for each test and holds it to what no page of ours may
 * do: no error in the console, no request to anybody else, nothing that the content security policy had to stop.
 *
 * `HARTONOMOUS_SCREENSHOTS=DIR` keeps pictures: `capture(page, 'map')` writes DIR/map-light-1440.png and so on.
 */
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect, inject, test } from 'vitest'
import { dataFiles } from '#node/config/index.ts'
import { CoordinatorClient } from '#protocol/api/client.ts'
import { findChromium } from './chromium.ts'
import type { WebSwarm } from './swarm.setup.ts'

const { path } = findChromium()
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const viewports = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } } as const
export type Viewport = keyof typeof viewports
export type Scheme = 'light' | 'dark'

export interface OpenOptions {
  viewport?: Viewport
  scheme?: Scheme
  /** Changes the context before the first page, such as with a wallet. */
  prepare?: (context: BrowserContext) => Promise<void>
  /** Errors of the console that the test causes: a server that it kills, a request that is to be refused. */
  expectedErrors?: RegExp
}

export interface Pages {
  swarm: WebSwarm
  /** The owner's, over the wire: what a page says is held against it. */
  client: CoordinatorClient
  /** As a visitor, at a path of the coordinator or at a whole URL. */
  open(target: string, options?: OpenOptions): Promise<Page>
  /** As the owner, by a one-time link like the one that `hart coordinator open` prints. */
  openAsOwner(target: string, options?: OpenOptions): Promise<Page>
  /** A one-time link of a node's or coordinator's API: `URL#token`. */
  ownerLink(apiUrl: string, dataDir: string, target: string): Promise<string>
}

let browser: Promise<Browser> | undefined

/** The flag is needed by root alone, as in a container; the pages are our own. */
const launch = () => chromium.launch({ executablePath: path!, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })

export function pageTest(name: string, run: (pages: Pages) => Promise<void>): void {
  test.skipIf(path === undefined)(name, async () => {
    const response = await fetch(inject('swarmUrl'))
    if (!response.ok) throw new Error(`no swarm: ${await response.text()}`)
    const swarm = (await response.json()) as WebSwarm
    browser ??= launch()
    const contexts: { context: BrowserContext; problems: string[] }[] = []
    const open = async (target: string, options: OpenOptions = {}) => {
      const { viewport = 'wide', scheme = 'light', prepare, expectedErrors } = options
      const context = await (await browser!).newContext({
        viewport: viewports[viewport],
        colorScheme: scheme,
        reducedMotion: 'reduce',
        locale: 'en-GB',
        timezoneId: 'UTC',
      })
      const problems: string[] = []
      contexts.push({ context, problems })
      await prepare?.(context)
      const page = await context.newPage()
      const url = new URL(target, swarm.coordinatorUrl)
      watch(page, url.origin, problems, expectedErrors)
      await page.goto(url.href)
      return page
    }
    const ownerLink = async (apiUrl: string, dataDir: string, target: string) => {
      const token = readFileSync(dataFiles.ownerToken(dataDir), 'utf8').trim()
      const response = await fetch(new URL('/api/v1/session/links', apiUrl), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      })
      const link = (await response.json()) as { token: string }
      return `${new URL(target, apiUrl)}#${link.token}`
    }
    const coordinator = swarm.nodes.find(({ node }) => node === 6)!
    const token = readFileSync(dataFiles.ownerToken(coordinator.dataDir), 'utf8').trim()
    try {
      await run({
        swarm,
        client: new CoordinatorClient({ url: swarm.coordinatorUrl, token }),
        open,
        openAsOwner: async (target, options) =>
          open(await ownerLink(swarm.coordinatorUrl, coordinator.dataDir, target), options),
        ownerLink,
      })
      for (const { problems } of contexts) expect(problems).toEqual([])
    } finally {
      for (const { context } of contexts) await context.close()
    }
  })
}

function watch(page: Page, origin: string, problems: string[], expected?: RegExp): void {
  const tell = (problem: string) => {
    if (expected?.test(problem) !== true) problems.push(problem)
  }
  page.on('pageerror', (error) => tell(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') tell(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.protocol.startsWith('http') && url.origin !== origin) tell(`asked somebody else: ${url.origin}`)
  })
}

/** What axe finds against WCAG 2.2 A and AA, as lines; empty when the page is clean. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axeSource)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run: (options: object) => Promise<AxeResult> } }
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
    const { violations } = await axe.run({ runOnly: { type: 'tag', values: tags } })
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}`))
    interface AxeResult {
      violations: { id: string; nodes: { target: string[] }[] }[]
    }
  })
}

/** Nothing stands out of the window to the right. */
export async function overflowPx(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

/** A picture, where `HARTONOMOUS_SCREENSHOTS` names a folder for them. */
export async function capture(page: Page, name: string): Promise<void> {
  const folder = process.env['HARTONOMOUS_SCREENSHOTS']
  if (folder === undefined) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' })
}

/** Runs `check` in light and dark, at both widths: `check(page, 'light-1440')`. The page must be clean in each. */
export async function inEachLook(
  open: (options: OpenOptions) => Promise<Page>,
  check: (page: Page, look: string) => Promise<void>,
): Promise<void> {
  for (const scheme of ['light', 'dark'] as const)
    for (const viewport of ['wide', 'narrow'] as const) {
      const page = await open({ scheme, viewport })
      const look = `${scheme}-${viewports[viewport].width}`
      await check(page, look)
      expect(await accessibilityProblems(page), look).toEqual([])
      expect(await overflowPx(page), look).toBe(0)
    }
}
