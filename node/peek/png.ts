/** PNG files of few colours (RFC 2083: one palette, eight bits a pixel, no filter). */
import { crc32, deflateSync } from 'node:zlib'

export interface IndexedPicture {
  width: number
  height: number
  /** `#rrggbb`; at most 256. */
  palette: readonly string[]
  /** Row by row, an index into the palette each. */
  pixels: Uint8Array
}

const signature = Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1')

export function encodePng({ width, height, palette, pixels }: IndexedPicture): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // Bits, colour type "indexed"; compression, filter and interlace have one value each.
  header.set([8, 3, 0, 0, 0], 8)
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.map((colour) => colour.slice(1)).join(''), 'hex')),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, check])
}
