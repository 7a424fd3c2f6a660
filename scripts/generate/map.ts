/**
 * `node scripts/generate/map.ts`: writes what the map of the explorer is drawn from. The outlines of land and borders, in the
 * Equal Earth projection, so that no browser has to project them; and where nodes of a region stand: for each ISO 3166-1
 * alpha-2 code the centre of the country's largest piece of land. Geometry: world-atlas (Natural Earth, public domain), whose
 * countries are numbered by ISO 3166-1 numeric; which code is which number: the territory aliases of Unicode's CLDR, as
 * `Intl.Locale` has them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { geoArea, geoCentroid, geoContains, geoEqualEarth, geoPath } from 'd3-geo'
import { feature, mesh } from 'topojson-client'

const folder = new URL('../../coordinator/web/network/', import.meta.url)
const centresFile = fileURLToPath(new URL('region-centres.ts', folder))
const outlinesFile = fileURLToPath(new URL('world.json', folder))
const { resolve } = createRequire(import.meta.url)
type FeatureCollection = Extract<ReturnType<typeof feature>, { type: 'FeatureCollection' }>
type Atlas = Parameters<typeof mesh>[0]
const read = (file: string) => JSON.parse(readFileSync(resolve(`world-atlas/${file}`), 'utf8')) as Atlas
/** Of the radius of the earth in the outlines: a point is then a tenth of a pixel exact at twice the size of a screen. */
const outlineScale = 500

type Ring = [number, number][]

function centreOf(polygons: readonly Ring[][]): [number, number] {
  const [largest] = polygons
    .map((coordinates) => ({ type: 'Polygon' as const, coordinates }))
    .sort((a, b) => geoArea(b) - geoArea(a))
  const centre = geoCentroid(largest!)
  if (geoContains(largest!, centre)) return centre
  // A bent country: of the points of a grid within it, the one nearest to the centre.
  const [[west, south], [east, north]] = boundsOf(largest!.coordinates[0]!)
  const steps = 24
  let best = centre
  let bestDistance = Number.POSITIVE_INFINITY
  for (let x = 1; x < steps; x++)
    for (let y = 1; y < steps; y++) {
      const point: [number, number] = [west + ((east - west) * x) / steps, south + ((north - south) * y) / steps]
      const distance = Math.hypot(point[0] - centre[0], point[1] - centre[1])
      if (distance < bestDistance && geoContains(largest!, point)) [best, bestDistance] = [point, distance]
    }
  return best
}

function boundsOf(ring: Ring): [[number, number], [number, number]] {
  const [xs, ys] = [ring.map(([x]) => x), ring.map(([, y]) => y)]
  return [
    [Math.min(...xs), Math.min(...ys)],
    [Math.max(...xs), Math.max(...ys)],
  ]
}

const coarse = read('countries-110m.json')
const path = geoPath(geoEqualEarth().scale(outlineScale).translate([0, 0])).digits(1)
const outlines = {
  scale: outlineScale,
  land: path(feature(coarse, coarse.objects['land']!)),
  borders: path(mesh(coarse, coarse.objects['countries'] as Parameters<typeof mesh>[1], (a, b) => a !== b)),
}
writeFileSync(outlinesFile, `${JSON.stringify(outlines, null, 2)}\n`)

/** The small ones that the outlines leave out are here. */
const atlas = read('countries-50m.json')
const pieces = new Map<string, Ring[][]>()
for (const { id, geometry } of (feature(atlas, atlas.objects['countries']!) as FeatureCollection).features) {
  if (id === undefined) continue
  const code = new Intl.Locale(`und-${String(id).padStart(3, '0')}`).region
  if (code === undefined || !/^[A-Z]{2}$/.test(code)) continue
  const { coordinates } = geometry as unknown as { coordinates: Ring[] | Ring[][] }
  const of = geometry.type === 'MultiPolygon' ? (coordinates as Ring[][]) : [coordinates as Ring[]]
  pieces.set(code, [...(pieces.get(code) ?? []), ...of])
}
const lines = [...pieces]
  .map(([code, polygons]) => {
    const [longitude, latitude] = centreOf(polygons)
    return `${code} ${longitude.toFixed(1)} ${latitude.toFixed(1)}`
  })
  .sort()
const rows: string[] = []
for (let at = 0; at < lines.length; at += 8) rows.push(`  '${lines.slice(at, at + 8).join(',')},' +`)
rows[rows.length - 1] = rows.at(-1)!.replace(/,' \+$/, "'")
writeFileSync(
  centresFile,
  `/** Written by \`node scripts/generate/map.ts\`, from world-atlas (Natural Earth) and CLDR. Degrees east and north. */
const text =
${rows.join('\n')}

/** By ISO 3166-1 alpha-2. */
export const regionCentres: ReadonlyMap<string, readonly [longitude: number, latitude: number]> = new Map(
  text.split(',').map((entry) => {
    const [code = '', longitude, latitude] = entry.split(' ')
    return [code, [Number(longitude), Number(latitude)]]
  }),
)
`,
)
process.stdout.write(`${outlinesFile}\n${centresFile}: ${lines.length} regions\n`)
