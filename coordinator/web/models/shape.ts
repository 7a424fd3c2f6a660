/** `2048 × 128`, slowest dimension first. */
export function formatShape(shape: readonly number[]): string {
  return shape.join(' × ')
}

/** All dimensions but the last taken as one: how the API counts rows. */
export function rowsAndColumns(shape: readonly number[]): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1
  return { rows: shape.slice(0, -1).reduce((product, size) => product * size, 1), columns }
}
