/** The world as it is drawn: outlines fetched once beside the page, and places of the map within a frame. */
import { queryOptions } from '@tanstack/react-query'
import { equalEarth, equalEarthInverse, type Pair } from './equal-earth.ts'
import outlinesUrl from './world.json?url'

/** Paths of an SVG, in Equal Earth of the radius `scale`. */
export interface Outlines {
  scale: number
  land: string
  borders: string
}

export const outlinesQuery = queryOptions({
  queryKey: ['outlines'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }): Promise<Outlines> => {
    const response = await fetch(outlinesUrl, { signal })
    if (!response.ok) throw new Error(`the outlines of the map answer ${response.status}`)
    return (await response.json()) as Outlines
  },
})

/** Nobody lives further south; without the ice the rest is a fifth larger. */
const [west] = equalEarth([-170, 0])
const [east] = equalEarth([180, 0])
const [, north] = equalEarth([0, 83])
const [, south] = equalEarth([0, -56])
/** Width by height of what is shown. */
export const worldAspect = (east - west) / (south - north)

export interface Size {
  width: number
  height: number
}

/** Between degrees and px of a frame that shows all of the world. */
export interface Projection {
  project: (degrees: Pair) => Pair
  invert: (place: Pair) => Pair
  /** Of the radius of the earth, in px, and where its middle is. */
  radius: number
  middle: Pair
}

export function projectionFor({ width, height }: Size): Projection {
  const radius = Math.min(width / (east - west), height / (south - north))
  const middle: Pair = [width / 2 - (radius * (west + east)) / 2, height / 2 - (radius * (north + south)) / 2]
  return {
    radius,
    middle,
    project: (degrees) => {
      const [x, y] = equalEarth(degrees)
      return [middle[0] + radius * x, middle[1] + radius * y]
    },
    invert: ([x, y]) => equalEarthInverse([(x - middle[0]) / radius, (y - middle[1]) / radius]),
  }
}
