import { describe, expect, test } from 'vitest'
import type { StampedEvent, TransferView } from '#protocol/api/control.ts'
import { KiB, MiB } from '#protocol/units.ts'
import { Board } from './board.ts'
import { fromText, layoutOf, pictureOf, stripOf } from './picture.ts'

const modelId = 'bafyreicbpr357tooaxlyzznbp4zkoavx5qlejtjbyddmx67ff2mcmaeltu'

function say(board: Board, index: number, event: object): void {
  board.apply(board.nodes.find((node) => node.index === index)!, event as StampedEvent)
}

function transfer(view: Partial<TransferView>): object {
  return { event: 'transfer-progress', modelId, chunksVerified: 0, chunksRejected: 0, sources: [], ...view }
}

/** A seed, a node half way, and one that has just begun; told to the board out of order. */
function exampleBoard(): Board {
  const board = new Board()
  for (const [index, role] of [
    [2, 'node'],
    [1, 'seed'],
    [3, 'node'],
  ] as const) {
    board.add(index, role, 1000 + index)
    say(board, index, { event: 'ready', peerId: `peer-${index}` })
  }
  say(board, 1, { event: 'release', modelId, name: 'hartling-f16' })
  say(board, 1, { event: 'model-added', modelId, chunkCount: 8, heldChunks: 8, sizeBytes: 8 * MiB })
  say(board, 1, { event: 'upload-progress', bytesPerSecond: 800 * KiB, totalBytes: 1, peers: [] })
  say(board, 2, { event: 'model-added', modelId, chunkCount: 8, heldChunks: 0, sizeBytes: 8 * MiB })
  say(board, 2, { event: 'chunks-gained', modelId, chunkIndexes: [0, 1, 6, 7], heldChunks: 4, chunkCount: 8 })
  const sources = [
    { peerId: 'peer-3', bytes: MiB, bytesPerSecond: 100 * KiB },
    { peerId: 'peer-1', bytes: 3 * MiB, bytesPerSecond: 300 * KiB },
  ] as TransferView['sources']
  say(board, 2, transfer({ bytesPerSecond: 400 * KiB, chunksVerified: 4, sources }))
  return board
}

const textOf = (board: Board, columns: number, phase?: string) =>
  pictureOf(board, { columns, ...(phase === undefined ? {} : { phase }) }).map((line) =>
    line.map((segment) => segment.text).join(''),
  )

describe('devnet picture', () => {
  test('shows nodes in order, what each holds and verified, and the rate of each source', () => {
    const lines = textOf(exampleBoard(), 120, 'fetching')
    expect(lines[0]).toContain('hartling-f16  8.00 MiB in 8 chunks')
    const rows = lines.filter((line) => /^ {2}\d /.test(line))
    expect(rows.map((row) => row.slice(2, 8))).toEqual(['1 seed', '2 node', '3 node'])
    expect(rows[0]).toMatch(/█ 100 % {2}own file .* 800 KiB\/s/)
    expect(rows[1]).toMatch(/█+░+█+ {2}50 % {2}4\/8 +400 KiB\/s +1 300 {2}3 100 KiB\/s$/)
    expect(rows[2]).toContain('joined, looking around')
    expect(lines.at(-1)).toBe('  fetching')
  })

  test('says which chunks were bad', () => {
    const board = exampleBoard()
    say(board, 2, transfer({ bytesPerSecond: 0, chunksVerified: 4, chunksRejected: 2 }))
    expect(textOf(board, 120).join('\n')).toContain('4, 2 bad')
  })

  test('fits its terminal at every width, and drops columns where it is narrow', () => {
    const board = exampleBoard()
    for (let columns = 20; columns <= 200; columns++) {
      for (const line of textOf(board, columns, 'x'.repeat(300))) expect(line.length).toBeLessThanOrEqual(columns)
    }
    expect(layoutOf(120)).toMatchObject({ hasVerified: true, hasUp: true, hasFrom: true })
    expect(layoutOf(80)).toMatchObject({ hasVerified: false, hasUp: false, hasFrom: true })
    expect(layoutOf(60)).toMatchObject({ hasFrom: false })
  })

  test('shares take the place of rates once the file is whole', () => {
    const board = exampleBoard()
    const sources = [
      { peerId: 'peer-1', bytes: 3, bytesPerSecond: 3 * MiB },
      { peerId: 'peer-3', bytes: 1, bytesPerSecond: 0 },
    ]
    expect(fromText(board, sources, true)).toBe('1 75 %  3 25 %')
    expect(fromText(board, sources, false)).toBe('1 3.0 MiB/s')
  })
})

test('strip: a cell stands for its share of the chunks, also where there are fewer chunks than cells', () => {
  expect(stripOf({ held: Uint8Array.of(1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0), chunkCount: 12 }, 3)).toBe('▒█▓')
  expect(stripOf({ held: Uint8Array.of(1, 0), chunkCount: 2 }, 6)).toBe('███░░░')
})
