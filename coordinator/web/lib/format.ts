/** Figures as people read them. Sizes, rates and durations are in `#protocol/units.ts`, amounts in `#protocol/hart.ts`. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })
const dateTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** `12,345`. */
export function formatCount(count: number): string {
  return whole.format(count)
}

/** `12.3K`; the full figure belongs into a title. */
export function formatCompact(count: number): string {
  return compact.format(count)
}

/** `21 Nov 2026, 16:05`. */
export function formatDateTime(atMs: number): string {
  return dateTime.format(atMs)
}

/** `16:05:09`. */
export function formatTime(atMs: number): string {
  return clockTime.format(atMs)
}

/** `12D3Koo…h4Qz`: both ends of a peer id, model id or address. */
export function shortId(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 7)}…${id.slice(-4)}`
}
