/** Models split over several files: `NAME-00001-of-00003.gguf`, `split.no`, `split.count`, `split.tensors.count`. */
import { HartonomousError } from '#protocol/errors.ts'
import { filesPerModelMax } from '#protocol/limits.ts'
import { countValue, type GgufFile } from './parse.ts'

const partPattern = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s

/**
 * The names of all parts in order, given the path or URL of any of them; just `name` for a model in one file.
 * @throws {ERR_MODEL_FILE}
 */
export function partNames(name: string): string[] {
  const match = partPattern.exec(name)
  if (!match) return [name]
  const [, stem, no, of] = match
  const count = Number(of)
  if (count < 1 || count > filesPerModelMax || Number(no) < 1 || Number(no) > count) {
    throw splitError(name, 'file name', `part ${Number(no)} of ${count}; the limit is ${filesPerModelMax} parts`)
  }
  return Array.from({ length: count }, (_, index) => `${stem}-${String(index + 1).padStart(5, '0')}-of-${of}.gguf`)
}

/** Checks that `files` are all the parts of one model, in order. @throws {ERR_MODEL_FILE} */
export function checkParts(files: readonly { name: string; file: GgufFile }[]): void {
  const first = files[0]!
  const declared = countValue(first.file.values, 'split.count') ?? 1
  files.forEach(({ name, file }, index) => {
    const count = countValue(file.values, 'split.count') ?? 1
    const no = countValue(file.values, 'split.no') ?? 0
    if (count !== declared) throw splitError(name, 'split.count', `it is ${count}, that of the first part ${declared}`)
    if (declared > 1 && no !== index) throw splitError(name, 'split.no', `it is ${no}; this should be part ${index}`)
  })
  if (Math.max(declared, 1) !== files.length) {
    const hint = files.length === 1 ? '; they must be named NAME-00001-of-00003.gguf and so on' : ''
    throw splitError(first.name, 'split.count', `the model has ${declared} parts, ${files.length} are here${hint}`)
  }
  const tensors = files.reduce((sum, { file }) => sum + file.tensors.length, 0)
  const expected = countValue(first.file.values, 'split.tensors.count')
  if (declared > 1 && expected !== undefined && expected !== tensors) {
    throw splitError(first.name, 'split.tensors.count', `it is ${expected}, the parts have ${tensors} tensors`)
  }
  const places = new Map<string, string>()
  for (const { name, file } of files) {
    for (const tensor of file.tensors) {
      const other = places.get(tensor.name)
      if (other !== undefined) throw splitError(name, `tensor ${tensor.name}`, `${other} has it too`)
      places.set(tensor.name, name)
    }
  }
}

export function splitError(file: string, field: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_MODEL_FILE', { file, field, offset: 0, reason })
}
