/** Rows for spreadsheets, RFC 4180. */
import type { SqlView } from '#protocol/api/control.ts'

export function csvOf({ columns, rows }: Pick<SqlView, 'columns' | 'rows'>): string {
  return [columns, ...rows].map((row) => row.map(fieldOf).join(',')).join('\r\n')
}

function fieldOf(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  // A spreadsheet runs what begins like a formula: names of models come from strangers.
  const text = /^[=+@\t\r-]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** As a file of the person who looks. */
export function saveText(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
