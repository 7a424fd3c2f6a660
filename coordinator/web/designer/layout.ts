/** Places of steps, left to right by what they wait for. Nothing of it is kept: the same graph always looks the same. */
import type { Link } from './links.ts'

/** In px, of the drawing at its own size. */
export const stepWidth = 224
export const stepHeight = 92
const columnGap = 72
const rowGap = 28
/** Up and down over the columns; more change little. */
const sweeps = 4

export interface Place {
  x: number
  y: number
  column: number
}

export function placesOf(ids: readonly string[], links: readonly Link[]): Map<string, Place> {
  const columns = columnsOf(ids, links)
  const rows = orderRows(columns, links)
  const places = new Map<string, Place>()
  for (const [column, members] of rows.entries()) {
    const height = members.length * (stepHeight + rowGap) - rowGap
    for (const [row, id] of members.entries())
      places.set(id, {
        x: column * (stepWidth + columnGap),
        y: row * (stepHeight + rowGap) - height / 2,
        column,
      })
  }
  return places
}

/** Each behind the last one that it waits for. A link that closes a circle is passed over: there it is a mistake to be seen. */
function columnsOf(ids: readonly string[], links: readonly Link[]): string[][] {
  const depths = new Map<string, number>()
  const under = new Set<string>()
  const depthOf = (id: string): number => {
    const known = depths.get(id)
    if (known !== undefined) return known
    under.add(id)
    let depth = 0
    for (const { from, to } of links) if (to === id && !under.has(from)) depth = Math.max(depth, depthOf(from) + 1)
    under.delete(id)
    depths.set(id, depth)
    return depth
  }
  for (const id of ids) depthOf(id)
  const columns: string[][] = []
  for (const id of ids) {
    const isFirst = !links.some(({ to }) => to === id)
    const next = links.filter(({ from }) => from === id).map(({ to }) => depths.get(to)!)
    // What waits for nothing stands just before the first that needs it.
    const depth = isFirst && next.length > 0 ? Math.max(0, Math.min(...next) - 1) : depths.get(id)!
    while (columns.length <= depth) columns.push([])
    columns[depth]!.push(id)
  }
  return columns.filter((column) => column.length > 0)
}

/** Near to what they are linked with: the mean row of their neighbours, column by column, forth and back. */
function orderRows(columns: readonly string[][], links: readonly Link[]): string[][] {
  const rows = columns.map((column) => [...column])
  const rowOf = new Map<string, number>()
  const note = (column: readonly string[]) => {
    // From the middle, so that a lone step stands level with the middle of many.
    for (const [at, id] of column.entries()) rowOf.set(id, at - (column.length - 1) / 2)
  }
  rows.forEach(note)
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isForth = sweep % 2 === 0
    for (const column of isForth ? rows : rows.toReversed()) {
      const wanted = new Map(
        column.map((id) => {
          const near = links.flatMap(({ from, to }) =>
            isForth ? (to === id ? [rowOf.get(from)!] : []) : from === id ? [rowOf.get(to)!] : [],
          )
          return [id, near.length === 0 ? rowOf.get(id)! : near.reduce((sum, row) => sum + row, 0) / near.length]
        }),
      )
      column.sort((a, b) => wanted.get(a)! - wanted.get(b)!)
      note(column)
    }
  }
  return rows
}
