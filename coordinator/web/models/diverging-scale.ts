/** Colours for values about zero: blue below, orange above, which all kinds of colour vision tell apart. */

export type Rgb = readonly [red: number, green: number, blue: number]

export interface DivergingScale {
  below: Rgb
  /** Zero: what the page's own ground is. */
  neutral: Rgb
  above: Rgb
  /** For what is no number. */
  missing: Rgb
}

/** Strong on a light ground, and on a dark one. */
export const ends = {
  light: { below: [24, 84, 166], above: [179, 77, 0], missing: [150, 0, 110] },
  dark: { below: [88, 160, 255], above: [255, 150, 50], missing: [255, 110, 220] },
} as const satisfies Record<string, Omit<DivergingScale, 'neutral'>>

/** RGBA of each value, four bytes each; full strength from `limit` on. */
export function paint(
  values: readonly (number | null)[],
  limit: number,
  scale: DivergingScale,
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * values.length)
  for (const [at, value] of values.entries()) {
    const [red, green, blue] = value === null ? scale.missing : blend(value / limit, scale)
    pixels.set([red, green, blue, 255], 4 * at)
  }
  return pixels
}

function blend(share: number, { below, neutral, above }: DivergingScale): Rgb {
  const end = share < 0 ? below : above
  // The root makes small values differ from none.
  const strength = Math.min(1, Math.abs(share)) ** 0.75
  return [0, 1, 2].map((at) => neutral[at]! + strength * (end[at]! - neutral[at]!)) as unknown as Rgb
}
