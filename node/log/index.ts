/** Log lines on stderr: one event each, with fields. JSON, or plain text for people. */
import { stderr } from 'node:process'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'
const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent']

export interface Log {
  debug(event: string, fields?: Record<string, unknown>): void
  info(event: string, fields?: Record<string, unknown>): void
  warn(event: string, fields?: Record<string, unknown>): void
  error(event: string, fields?: Record<string, unknown>): void
}

export function createLog(options: {
  level: LogLevel
  format: 'json' | 'pretty'
  write?: (line: string) => void
}): Log {
  const write = options.write ?? ((line: string) => void stderr.write(line))
  const threshold = order.indexOf(options.level)
  const at =
    (level: LogLevel) =>
    (event: string, fields: Record<string, unknown> = {}) => {
      if (order.indexOf(level) < threshold) return
      const now = new Date()
      write(
        options.format === 'json'
          ? `${JSON.stringify({ ts: now.toISOString(), level, event, ...fields })}\n`
          : pretty(now, level, event, fields),
      )
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function pretty(now: Date, level: LogLevel, event: string, fields: Record<string, unknown>): string {
  const detail = Object.entries(fields)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
  return `${now.toISOString().slice(11, 19)} ${level.padEnd(5)} ${event} ${detail}\n`
}

export function isLogLevel(text: string): text is LogLevel {
  return (order as readonly string[]).includes(text)
}
