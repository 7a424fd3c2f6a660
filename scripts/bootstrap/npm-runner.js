/**
 * Runs npm's own script inside this process and prints how far it is.
 *
 * Arguments: npm-cli.js, expected download in bytes (0 = unknown), then npm's arguments. Standard input is a pipe from
 * the bootstrap: when that process dies, however it dies, the pipe closes and this one stops writing at once.
 */
import { subscribe } from 'node:diagnostics_channel'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { locationsForThisPlatform } from './lock-tree.js'
import { formatMegabytes, startProgress } from './progress.js'

const [npmCli, expectedBytes, ...npmArguments] = process.argv.slice(2)
process.stdin.on('close', () => process.kill(process.pid, 'SIGKILL'))
process.stdin.resume()
process.stdin.unref()

const sockets = new Set()
subscribe('http.client.response.finish', ({ response }) => {
  if (response.socket) sockets.add(response.socket)
})

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const waiting = locationsForThisPlatform(packages)
const count = waiting.size
const totalBytes = Number(expectedBytes)
startProgress('npm packages', () => {
  for (const location of waiting) if (existsSync(join(location, 'package.json'))) waiting.delete(location)
  let doneBytes = 0
  for (const socket of sockets) doneBytes += socket.bytesRead
  const about = totalBytes > doneBytes ? ` of about ${formatMegabytes(totalBytes)}` : ''
  const unpackedShare = count === 0 ? 1 : (count - waiting.size) / count
  // What is in npm's cache is not fetched: then only unpacking tells how far it is.
  const isFetching = totalBytes > 0 && doneBytes > totalBytes / 10
  const doneShare = isFetching ? (unpackedShare + Math.min(1, doneBytes / totalBytes)) / 2 : unpackedShare
  return { text: `${count - waiting.size} of ${count}, ${formatMegabytes(doneBytes)}${about}`, doneBytes, doneShare }
})

process.argv = [process.execPath, npmCli, ...npmArguments]
await import(pathToFileURL(npmCli).href)
