/** Where cells stand: hexagons around a middle, and clusters pushed apart until none covers another. In px. */

export interface Point {
  x: number
  y: number
}

/** Of a regular hexagon with a corner on top, from its middle to a corner. */
export const cellRadius = 13
const stepX = Math.sqrt(3) * (cellRadius + 0.9)
const stepY = 1.5 * (cellRadius + 0.9)
const roundsMax = 300

/** The first `count` places of a honeycomb, from the middle outward. */
export function honeycomb(count: number): Point[] {
  const places: Point[] = []
  for (let ring = 0; places.length < count; ring++)
    for (const { q, r } of ringOf(ring)) places.push({ x: stepX * (q + r / 2), y: stepY * r })
  return places.slice(0, count)
}

/** Axial coordinates, around a middle at 0, 0. */
function ringOf(ring: number): { q: number; r: number }[] {
  if (ring === 0) return [{ q: 0, r: 0 }]
  const places: { q: number; r: number }[] = []
  let [q, r] = [-ring, ring]
  for (const [dq, dr] of [
    [1, 0],
    [1, -1],
    [0, -1],
    [-1, 0],
    [-1, 1],
    [0, 1],
  ] as const)
    for (let step = 0; step < ring; step++) {
      places.push({ q, r })
      q += dq
      r += dr
    }
  return places
}

/** Around all cells of a cluster. */
export function clusterRadius(count: number): number {
  const last = honeycomb(count).reduce((most, { x, y }) => Math.max(most, Math.hypot(x, y)), 0)
  return last + cellRadius + 1
}

/** Each at its own place as far as the others and the edge let it: the same every time for the same ones. */
export function pushApart(
  wanted: readonly (Point & { radius: number })[],
  edge: { width: number; height: number },
): Point[] {
  const at = wanted.map(({ x, y }) => ({ x, y }))
  for (let round = 0; round < roundsMax; round++) {
    let hasMoved = false
    for (const [i, place] of at.entries()) {
      const { radius } = wanted[i]!
      for (let j = i + 1; j < at.length; j++)
        hasMoved = separate(place, at[j]!, radius + wanted[j]!.radius, i) || hasMoved
      place.x = Math.min(edge.width - radius, Math.max(radius, place.x))
      place.y = Math.min(edge.height - radius, Math.max(radius, place.y))
    }
    if (!hasMoved) break
  }
  return at
}

function separate(a: Point, b: Point, apart: number, seed: number): boolean {
  let [dx, dy] = [b.x - a.x, b.y - a.y]
  if (Math.abs(dx) >= apart || Math.abs(dy) >= apart) return false
  let distance = Math.hypot(dx, dy)
  if (distance >= apart) return false
  // Two at one place: any direction will do, as long as it is the same one each time.
  if (distance < 0.01) [dx, dy, distance] = [Math.cos(seed), Math.sin(seed), 1]
  const push = (apart - Math.min(distance, apart)) / 2 + 0.05
  const [px, py] = [(dx / distance) * push, (dy / distance) * push]
  a.x -= px
  a.y -= py
  b.x += px
  b.y += py
  return true
}

/** The one to go to from `from` by an arrow: near, and rather straight ahead than aside. */
export function neighbour(places: readonly Point[], from: number, direction: Point): number {
  const origin = places[from]
  if (origin === undefined) return 0
  let best = from
  let bestCost = Number.POSITIVE_INFINITY
  for (const [at, { x, y }] of places.entries()) {
    const ahead = (x - origin.x) * direction.x + (y - origin.y) * direction.y
    const aside = Math.abs((x - origin.x) * direction.y - (y - origin.y) * direction.x)
    // A little more than the quarter ahead, so that every cell is ahead of some other.
    if (at === from || ahead < 0.6 * aside || ahead < 1) continue
    const cost = ahead + 2 * aside
    if (cost < bestCost) [best, bestCost] = [at, cost]
  }
  return best
}
