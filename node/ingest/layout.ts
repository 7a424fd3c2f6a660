/** A parsed file as extents that cover every byte exactly once, in file order. */
import type { ExtentLayout } from '#protocol/model/content.ts'
import type { GgufFile } from './gguf/parse.ts'

export function layoutExtents(file: GgufFile): ExtentLayout[] {
  const extents: ExtentLayout[] = [{ kind: 'header', offsetBytes: 0, sizeBytes: file.headerBytes }]
  let end = file.headerBytes
  for (const tensor of file.tensors) {
    pushGap(extents, end, tensor.offsetBytes)
    extents.push({
      kind: 'tensor',
      name: tensor.name,
      dtype: tensor.type.name,
      shape: tensor.dimensions.toReversed(),
      offsetBytes: tensor.offsetBytes,
      sizeBytes: tensor.sizeBytes,
    })
    end = tensor.offsetBytes + tensor.sizeBytes
  }
  pushGap(extents, end, file.sizeBytes)
  return extents
}

function pushGap(extents: ExtentLayout[], from: number, to: number): void {
  if (to > from) extents.push({ kind: 'gap', offsetBytes: from, sizeBytes: to - from })
}
