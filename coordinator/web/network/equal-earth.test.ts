import { geoEqualEarthRaw } from 'd3-geo'
import { expect, test } from 'vitest'
import { equalEarth, equalEarthInverse } from './equal-earth.ts'

test('Equal Earth: it is that of d3-geo, and its inverse leads back', () => {
  for (let longitude = -180; longitude <= 180; longitude += 15)
    for (let latitude = -85; latitude <= 85; latitude += 5) {
      const [x, y] = equalEarth([longitude, latitude])
      const [wantedX, wantedY] = geoEqualEarthRaw((longitude * Math.PI) / 180, (latitude * Math.PI) / 180)
      expect(x).toBeCloseTo(wantedX, 9)
      expect(y).toBeCloseTo(-wantedY, 9)
      const [back, up] = equalEarthInverse([x, y])
      expect(back).toBeCloseTo(longitude, 6)
      expect(up).toBeCloseTo(latitude, 6)
    }
})
