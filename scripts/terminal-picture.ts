/**
 * Terminal screens as one SVG, for the README:
 *
 *   tmux capture-pane -e -p > one.ansi ; node scripts/terminal-picture.ts one.ansi two.ansi > docs/pictures/devnet.svg
 *
 * Each file is a window, one below the other. Blocks are drawn as rectangles, so that no font can tear a bar apart.
 */
import { readFile } from 'node:fs/promises'

const cellWidthPx = 8.4
const lineHeightPx = 19
const fontPx = 14
const paddingPx = 18
const barPx = 30
const gapPx = 14
const columnsMin = 96

const background = '#16181d'
const frame = '#2b2f38'
const foreground = '#d7dae0'
/** SGR 30 to 37. */
const colours = ['#3b4048', '#f07178', '#8fd18b', '#e5c07b', '#7aa2f7', '#c792ea', '#6cc7d9', '#d7dae0'] as const
/** Share of a cell that is filled. */
const blocks: Record<string, number> = { '░': 0.18, '▒': 0.45, '▓': 0.7, '█': 1 }

/** Bars, gaps and words: each begins at its own column, whatever the width of a letter in the reader's font. */
const pieces = /[░▒▓█]+| {2,}|(?: ?[^░▒▓█ ])+ ?|./g

interface Style {
  colour: string
  isBold: boolean
  isDim: boolean
}

interface Run extends Style {
  column: number
  text: string
}

const plain: Style = { colour: foreground, isBold: false, isDim: false }

function styled(style: Style, codes: string): Style {
  let next = style
  for (const code of codes.split(';').map(Number)) {
    if (code === 0) next = plain
    else if (code === 1) next = { ...next, isBold: true }
    else if (code === 2) next = { ...next, isDim: true }
    else if (code === 22) next = { ...next, isBold: false, isDim: false }
    else if (code === 39) next = { ...next, colour: foreground }
    else if (code >= 30 && code <= 37) next = { ...next, colour: colours[code - 30]! }
    else if (code >= 90 && code <= 97) next = { ...next, colour: colours[code - 90]! }
  }
  return next
}

/** Styles go on over line ends, as they do on a terminal. */
export function parseScreen(text: string): Run[][] {
  let style = plain
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const runs: Run[] = []
      let column = 0
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
      for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
        if (part.startsWith('\u001b[')) style = styled(style, part.slice(2, -1) || '0')
        else
          for (const piece of part.match(pieces) ?? []) {
            if (piece.trim() !== '') runs.push({ ...style, column, text: piece })
            column += piece.length
          }
      }
      return runs
    })
}

function drawRun(run: Run, line: number): string {
  const x = paddingPx + run.column * cellWidthPx
  const top = barPx + paddingPx / 2 + line * lineHeightPx
  const opacity = run.isDim ? ' opacity="0.62"' : ''
  if (blocks[run.text[0]!] !== undefined) {
    return [...run.text]
      .map((block, index) => {
        const left = (x + index * cellWidthPx).toFixed(1)
        return `<rect x="${left}" y="${top + 2}" width="${cellWidthPx - 1}" height="${lineHeightPx - 5}" fill="${run.colour}" fill-opacity="${blocks[block]}"/>`
      })
      .join('')
  }
  const shift = run.text.length - run.text.trimStart().length
  const text = run.text.trim()
  const weight = run.isBold ? ' font-weight="700"' : ''
  const left = (x + shift * cellWidthPx).toFixed(1)
  const width = (text.length * cellWidthPx).toFixed(1)
  return `<text x="${left}" y="${top + fontPx}" textLength="${width}" fill="${run.colour}"${weight}${opacity}>${escapeXml(text)}</text>`
}

function drawWindow(lines: Run[][], top: number, width: number): { svg: string; height: number } {
  const height = barPx + paddingPx * 1.5 + lines.length * lineHeightPx
  const dots = ['#f07178', '#e5c07b', '#8fd18b']
    .map((fill, index) => `<circle cx="${paddingPx + 4 + index * 18}" cy="${barPx / 2 + 2}" r="5" fill="${fill}"/>`)
    .join('')
  const text = lines.flatMap((runs, line) => runs.map((run) => drawRun(run, line))).join('\n')
  const box = `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${background}" stroke="${frame}"/>`
  return { svg: `<g transform="translate(0 ${top})">\n${box}${dots}\n${text}\n</g>`, height }
}

export function pictureOfScreens(screens: readonly string[], title: string): string {
  const parsed = screens.map(parseScreen)
  const ends = parsed.flat(2).map((run) => run.column + run.text.trimEnd().length)
  const width = Math.ceil(paddingPx * 2 + Math.max(columnsMin, ...ends) * cellWidthPx)
  let top = 0
  const windows = parsed.map((lines) => {
    const { svg, height } = drawWindow(lines, top, width)
    top += height + gapPx
    return svg
  })
  const height = top - gapPx
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${fontPx}" xml:space="preserve">
<title>${escapeXml(title)}</title>
${windows.join('\n')}
</svg>
`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

if (import.meta.main) {
  const files = process.argv.slice(2)
  if (files.length === 0) {
    process.stderr.write('usage: node scripts/terminal-picture.ts SCREEN... > PICTURE.svg\n')
    process.exitCode = 2
  } else {
    const screens = await Promise.all(files.map((file) => readFile(file, 'utf8')))
    process.stdout.write(pictureOfScreens(screens, 'npm start: five nodes on this machine'))
  }
}
