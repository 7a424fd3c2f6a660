/** Progress on stderr: one line that is rewritten in a terminal, a plain line every few seconds elsewhere. */

const TERMINAL_INTERVAL_MS = 200
const PLAIN_INTERVAL_MS = 5_000

export function say(text) {
  process.stderr.write(`bootstrap: ${text}\n`)
}

export function formatMegabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

export function formatSeconds(seconds) {
  return seconds < 90 ? `${Math.max(0, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`
}

/**
 * @param {string} label
 * @param {() => { text: string, doneBytes?: number, doneShare?: number }} read called at most five times a second;
 *   `doneShare` goes from 0 to 1 and gives the time left
 */
export function startProgress(label, read, stream = process.stderr) {
  const isTerminal = Boolean(stream.isTTY) && process.env.TERM !== 'dumb'
  const startedMs = Date.now()
  const firstBytes = read().doneBytes ?? 0
  const line = () => {
    const { text, doneBytes, doneShare = 0 } = read()
    const seconds = (Date.now() - startedMs) / 1000
    const rate = doneBytes === undefined || seconds <= 0 ? 0 : (doneBytes - firstBytes) / seconds
    const parts = [text]
    if (rate > 0) parts.push(`${formatMegabytes(rate)}/s`)
    const leftSeconds = (seconds * (1 - doneShare)) / doneShare
    if (doneShare > 0.02) parts.push(`about ${formatSeconds(leftSeconds)} left`)
    else parts.push(`${formatSeconds(seconds)} so far`)
    return `bootstrap: ${label}: ${parts.join(', ')}`
  }
  const timer = setInterval(
    () => stream.write(isTerminal ? `\r\u001b[2K${line().slice(0, (stream.columns ?? 80) - 1)}` : `${line()}\n`),
    isTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS,
  )
  timer.unref()
  return {
    stop: () => {
      clearInterval(timer)
      if (isTerminal) stream.write('\r\u001b[2K')
    },
  }
}
