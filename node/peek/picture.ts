/** A tensor as a picture: a heat map of its sampled grid over the histogram of all values. */
import type { TensorStatsView } from '#protocol/api/control.ts'
import type { IndexedPicture } from './png.ts'

const widthAimPx = 640
const heightMaxPx = 480
const marginPx = 12
const histogramHeightPx = 120

/** Colour 0 is the background. */
const barColour = 1
const firstHeatColour = 2
/** From the most negative to the most positive value; zero is the background of the middle. */
const heatSteps = 41
const heatStops = ['#7cc4ff', '#2f6fb3', '#1b2130', '#b5562b', '#ffc38a'] as const

/** Values beyond so many times the root mean square of the grid have the strongest colour. */
const heatRange = 2.5

export function drawTensor({ grid, histogram }: Pick<TensorStatsView, 'grid' | 'histogram'>): IndexedPicture {
  const columns = Math.max(1, grid.columns)
  const rows = Math.max(1, grid.rows)
  const cellWidth = Math.max(1, Math.floor(widthAimPx / columns))
  // A vector is one row: a band that can be seen.
  const cellHeight = Math.max(1, Math.min(Math.floor(heightMaxPx / rows), rows === 1 ? 48 : cellWidth * 2))
  const width = columns * cellWidth + 2 * marginPx
  const heatHeight = rows * cellHeight
  const height = heatHeight + histogramHeightPx + 3 * marginPx
  const pixels = new Uint8Array(width * height)
  const fill = (x: number, y: number, w: number, h: number, colour: number) => {
    for (let row = y; row < y + h; row++) pixels.fill(colour, row * width + x, row * width + x + w)
  }
  heatLevels(grid.values).forEach((level, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns]
    fill(marginPx + column * cellWidth, marginPx + row * cellHeight, cellWidth, cellHeight, firstHeatColour + level)
  })
  const highest = Math.max(1, ...histogram.counts)
  const floor = height - marginPx
  histogram.counts.forEach((count, bin) => {
    const from = marginPx + Math.floor((bin * (width - 2 * marginPx)) / histogram.counts.length)
    const to = marginPx + Math.floor(((bin + 1) * (width - 2 * marginPx)) / histogram.counts.length)
    const bar = Math.round((count / highest) * histogramHeightPx)
    fill(from, floor - bar, Math.max(1, to - from - 1), bar, barColour)
  })
  return { width, height, palette: ['#16181d', '#7aa2f7', ...heatPalette()], pixels }
}

/** 0 to `heatSteps - 1` for each value; the middle is zero. */
export function heatLevels(values: readonly number[]): number[] {
  const meanSquare = values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length)
  const scale = heatRange * Math.sqrt(meanSquare)
  const middle = (heatSteps - 1) / 2
  return values.map((value) =>
    scale === 0 ? middle : Math.round(middle + middle * Math.min(1, Math.max(-1, value / scale))),
  )
}

export function heatPalette(): string[] {
  return Array.from({ length: heatSteps }, (_, step) => {
    const place = (step / (heatSteps - 1)) * (heatStops.length - 1)
    const from = Math.min(heatStops.length - 2, Math.floor(place))
    const parts = [1, 3, 5].map((at) => {
      const [a, b] = [heatStops[from]!, heatStops[from + 1]!].map((colour) =>
        Number.parseInt(colour.slice(at, at + 2), 16),
      )
      return Math.round(a! + (b! - a!) * (place - from))
        .toString(16)
        .padStart(2, '0')
    })
    return `#${parts.join('')}`
  })
}
