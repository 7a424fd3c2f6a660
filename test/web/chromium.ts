/** Where the browser of the tests is. Debian: `apt-get install chromium-headless-shell`, which `.ci/run` does as root. */
import { existsSync } from 'node:fs'

const places = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** @throws where `REQUIRE_BROWSER=1` asks for one and there is none */
export function findChromium(): { path?: string; reason: string } {
  const path = places.find((place) => place !== undefined && existsSync(place))
  if (path !== undefined) return { path, reason: '' }
  const reason = 'no Chromium is installed; CHROMIUM_PATH may name one'
  if (process.env['REQUIRE_BROWSER'] === '1') throw new Error(`REQUIRE_BROWSER=1, and ${reason}`)
  return { reason }
}
