/** Checks of a model before anything of it is written, and what follows from its content alone. */
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { extentRootToBytes, parseExtentRoot, parseModelId } from '#protocol/ids.ts'
import { extentsPerModelMax, filesPerModelMax, modelBytesMax } from '#protocol/limits.ts'
import { chunkCountOf, type ModelContent } from '#protocol/model/content.ts'
import type { StoredExtent } from './statements.ts'
import type { PutModel } from './types.ts'

export const leafBytes = 32

export interface ModelLayout {
  extents: StoredExtent[]
  chunkCount: number
  sizeBytes: number
}

/** @throws {ERR_USAGE} {ERR_LIMIT} {ERR_ID} {ERR_DECODE} naming what is wrong. */
export function checkPutModel(put: PutModel): ModelLayout {
  parseModelId(put.modelId)
  const layout = layoutOf(put.content)
  if (put.content.leaves.length !== layout.chunkCount * leafBytes) {
    throw wrong(`${put.content.leaves.length} bytes of leaves for ${layout.chunkCount} chunks`)
  }
  Bitfield.fromBytes(put.held, layout.chunkCount)
  checkFiles(put)
  checkComponents(put)
  return layout
}

function layoutOf(content: ModelContent): ModelLayout {
  atMost('files of a model', content.files.length, filesPerModelMax)
  atMost(
    'extents of a model',
    content.files.reduce((sum, file) => sum + file.extents.length, 0),
    extentsPerModelMax,
  )
  const layout: ModelLayout = { extents: [], chunkCount: 0, sizeBytes: 0 }
  content.files.forEach((file, fileIndex) => {
    let offsetBytes = 0
    file.extents.forEach((extent, extentIndex) => {
      const place = `extent ${extentIndex} of file ${fileIndex}`
      if (extent.offsetBytes !== offsetBytes)
        throw wrong(`${place} starts at ${extent.offsetBytes}, not at ${offsetBytes}`)
      if (!isSize(extent.sizeBytes)) throw wrong(`${place} has size ${extent.sizeBytes}`)
      if (extent.name?.isWellFormed() === false) throw wrong(`the name of ${place} is no valid text`)
      offsetBytes += extent.sizeBytes
      layout.extents.push({
        fileIndex,
        extentIndex,
        firstChunk: layout.chunkCount,
        kind: extent.kind,
        name: extent.name ?? null,
        dtype: extent.dtype ?? null,
        shape: extent.shape === undefined ? null : JSON.stringify(extent.shape),
        offsetBytes: extent.offsetBytes,
        sizeBytes: extent.sizeBytes,
        root: extentRootToBytes(parseExtentRoot(extent.root)),
      })
      layout.chunkCount += chunkCountOf(extent)
    })
    if (file.sizeBytes !== offsetBytes)
      throw wrong(`file ${fileIndex} has ${file.sizeBytes} bytes, its extents ${offsetBytes}`)
    layout.sizeBytes += offsetBytes
  })
  atMost('bytes of a model', layout.sizeBytes, modelBytesMax)
  return layout
}

function checkFiles(put: PutModel): void {
  const seen = new Set<number>()
  for (const { fileIndex, path, sizeBytes } of put.files) {
    const file = put.content.files[fileIndex]
    if (file === undefined || seen.has(fileIndex)) throw wrong(`file ${fileIndex} is given twice or not in the content`)
    if (file.sizeBytes !== sizeBytes) throw wrong(`${path} has ${sizeBytes} bytes, the content ${file.sizeBytes}`)
    if (path === '') throw wrong(`file ${fileIndex} has an empty path`)
    seen.add(fileIndex)
  }
}

function checkComponents(put: PutModel): void {
  const keys = new Set<string>()
  for (const { key, extents } of put.components) {
    if (keys.has(key)) throw wrong(`component ${key} is given twice`)
    if (key === '') throw wrong('a component has an empty key')
    if (!key.isWellFormed()) throw wrong('a component key is no valid text')
    keys.add(key)
    for (const [fileIndex, extentIndex] of extents) {
      if (put.content.files[fileIndex]?.extents[extentIndex] === undefined) {
        throw wrong(`component ${key} names extent ${extentIndex} of file ${fileIndex}, which does not exist`)
      }
    }
  }
  for (const { from, to } of put.edges) {
    if (!keys.has(from) || !keys.has(to)) throw wrong(`the edge ${from} -> ${to} names an unknown component`)
  }
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function atMost(what: string, actual: number, limit: number): void {
  if (actual > limit) throw new HartonomousError('ERR_LIMIT', { what, limit, actual })
}

function wrong(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: `not a model: ${message}` })
}
