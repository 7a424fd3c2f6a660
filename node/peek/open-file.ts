/** A GGUF file, or all parts of a split one, to be looked into without a node. */
import { basename } from 'node:path'
import type { Extent, ExtentLayout, ModelContent } from '#protocol/model/content.ts'
import { groupComponents, openFileSource, partNames, readModelHeader } from '../ingest/index.ts'
import type { PeekModel, PeekTensor } from './types.ts'

/** @throws {ERR_NOT_FOUND} {ERR_MODEL_FILE} {ERR_IO} */
export async function openModelFile(path: string): Promise<PeekModel> {
  const paths = partNames(path)
  const sources = []
  try {
    for (const part of paths) sources.push(await openFileSource(part))
    const { files } = await readModelHeader(sources)
    return { name: basename(path), files: paths.map((part) => ({ path: part })), tensors: tensorsOf(files, () => true) }
  } finally {
    for (const source of sources) await source.close()
  }
}

/** @param isHeld asked for each tensor; all of its bytes are there */
export function tensorsOf(
  files: readonly { extents: readonly (ExtentLayout | Extent)[] }[] | ModelContent['files'],
  isHeld: (fileIndex: number, extentIndex: number) => boolean,
): PeekTensor[] {
  const componentOf = new Map<string, string>()
  for (const { key, extents } of groupComponents(files).components)
    for (const place of extents) componentOf.set(place.join('/'), key)
  return files.flatMap(({ extents }, fileIndex) =>
    extents.flatMap((extent, extentIndex): PeekTensor[] => {
      if (extent.kind !== 'tensor' || extent.name === undefined || extent.dtype === undefined) return []
      return [
        {
          name: extent.name,
          dtype: extent.dtype,
          shape: [...(extent.shape ?? [])],
          fileIndex,
          offsetBytes: extent.offsetBytes,
          sizeBytes: extent.sizeBytes,
          component: componentOf.get(`${fileIndex}/${extentIndex}`) ?? 'other',
          ...('root' in extent ? { root: extent.root } : {}),
          isHeld: isHeld(fileIndex, extentIndex),
        },
      ]
    }),
  )
}
