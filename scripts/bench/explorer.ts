/**
 * How quick the map and the table of nodes are with a large swarm: the pages of a real coordinator in a real Chromium, with
 * generated leases; against an empty page of the same browser, in turns, whose button changes one word.
 *   npm run bench -- explorer [--nodes 10000] [--rounds 9]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { findChromium } from '../../test/web/chromium.ts'
import type { SwarmRequest } from './explorer/swarm.ts'
import type { Bench } from './main.ts'
import { Child } from './multi-source/child.ts'

const limitMs = 120_000
const viewport = { width: 1440, height: 900 }
/** States that are pressed in turn, and pressed again. */
const states = ['busy', 'paused', 'alive']

export const bench: Bench = {
  name: 'explorer',
  describe: 'first paint and filters of the map with 10,000 nodes in Chromium, against an empty page',
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: { nodes: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '9' } },
    })
    const { path, reason } = findChromium()
    if (path === undefined) throw new Error(reason)
    const folder = await mkdtemp(join(tmpdir(), 'hart-bench-explorer-'))
    const swarm = new Child<SwarmRequest>('../explorer/swarm.ts')
    let browser: Browser | undefined
    try {
      const url = await swarm.ask<string>({ folder, nodes: Number(values.nodes) })
      const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
      browser = await chromium.launch({ executablePath: path, args: root })
      return await measure({ browser, url, nodes: Number(values.nodes), rounds: Number(values.rounds), log })
    } finally {
      await browser?.close()
      await swarm.stop()
      await rm(folder, { recursive: true, force: true })
    }
  },
}

interface Measurement {
  browser: Browser
  url: string
  nodes: number
  rounds: number
  log: (line: string) => void
}

async function measure({ browser, url, nodes, rounds, log }: Measurement) {
  const firstMs: number[] = []
  const emptyFirstMs: number[] = []
  let scriptBytes = 0
  for (let round = 0; round < 3; round++) {
    const { page, ms, bytes } = await openMap(browser, url)
    firstMs.push(ms)
    scriptBytes = bytes
    await page.context().close()
    emptyFirstMs.push(await openEmpty(browser).then(({ page: empty, ms: emptyMs }) => closed(empty, emptyMs)))
    log(`first rows after ${ms.toFixed(0)} ms, an empty page after ${emptyFirstMs.at(-1)!.toFixed(0)} ms`)
  }
  const { page } = await openMap(browser, url)
  const { page: empty } = await openEmpty(browser)
  const [legendMs, typingMs, emptyMs]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round <= rounds; round++) {
    const state = states[round % states.length]!
    const press = click(`button[data-state="${state}"]`)
    const ofLegend = [await act(page, press, heading), await act(page, press, heading)]
    const ofEmpty = await act(empty, click('button'), "document.querySelector('button')")
    const ofTyping = await act(page, typing('DE'), heading)
    await act(page, typing(''), heading)
    // The first round is for the compilers.
    if (round === 0) continue
    legendMs.push(...ofLegend)
    emptyMs.push(ofEmpty)
    typingMs.push(ofTyping)
    const [legend, typed, base] = [median(ofLegend), ofTyping, ofEmpty].map((ms) => ms.toFixed(0))
    log(`round ${round}: legend ${legend} ms, typing ${typed} ms, empty page ${base} ms`)
  }
  const cells = await page.locator('[data-cell]').count()
  const [legend, typed, base] = [median(legendMs), median(typingMs), median(emptyMs)]
  return {
    nodes,
    cells,
    filterMs: tidy(legend),
    filterMsWorst: tidy(Math.max(...legendMs)),
    typingMs: tidy(typed),
    emptyMs: tidy(base),
    filterRatioToEmpty: tidy(legend / base),
    firstRowsMs: tidy(median(firstMs)),
    emptyFirstMs: tidy(median(emptyFirstMs)),
    scriptKilobytesGzip: tidy(scriptBytes / 1000),
  }
}

/** Until the first row of the table is there, from the beginning of the navigation. */
async function openMap(browser: Browser, url: string): Promise<{ page: Page; ms: number; bytes: number }> {
  const page = await (await browser.newContext({ viewport, reducedMotion: 'reduce' })).newPage()
  page.setDefaultTimeout(limitMs)
  await page.goto(url)
  await page.locator('[data-peer]').first().waitFor()
  const ms = await page.evaluate(() => performance.now())
  const bytes = await page.evaluate<number>(`performance.getEntriesByType('resource')
    .filter(({ name }) => name.endsWith('.js'))
    .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)`)
  return { page, ms, bytes }
}

async function openEmpty(browser: Browser): Promise<{ page: Page; ms: number }> {
  const page = await (await browser.newContext({ viewport })).newPage()
  const html = "<button onclick=\"this.textContent = this.textContent === 'a' ? 'b' : 'a'\">a</button>"
  await page.goto(`data:text/html,${encodeURIComponent(html)}`)
  await page.locator('button').waitFor()
  return { page, ms: await page.evaluate(() => performance.now()) }
}

async function closed(page: Page, ms: number): Promise<number> {
  await page.context().close()
  return ms
}

/**
 * From an action until the text of an element is another one and has been drawn, looked at with each frame. As text, because
 * its types are those of a browser.
 */
async function act(page: Page, action: string, told: string): Promise<number> {
  return page.evaluate<number>(`(async () => {
    const text = () => ${told}.textContent
    const before = text()
    const beganMs = performance.now()
    ${action}
    do {
      if (performance.now() - beganMs > ${limitMs / 4}) throw new Error('nothing changed after: ' + before)
      await new Promise((resolve) => requestAnimationFrame(resolve))
    } while (text() === before)
    return performance.now() - beganMs
  })()`)
}

/** The heading of the table says how many fit. */
const heading = "[...document.querySelectorAll('h2')].find((h2) => h2.textContent.startsWith('Nodes'))"
const click = (selector: string) => `document.querySelector('${selector}').click()`
const typing = (text: string) => `
  const input = document.querySelector('input[aria-label^="Filter nodes"]')
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, '${text}')
  input.dispatchEvent(new Event('input', { bubbles: true }))`

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

const tidy = (value: number) => Number(value.toPrecision(3))
