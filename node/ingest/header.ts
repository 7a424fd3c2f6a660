/** A model as its header(s) describe it. */
import { HartonomousError } from '#protocol/errors.ts'
import { filesPerModelMax } from '#protocol/limits.ts'
import { checkLayout } from '#protocol/model/index.ts'
import { groupComponents } from './components.ts'
import { abortReason } from './gguf/abort-checks.ts'
import { countValue, type GgufFile, parseGguf, textValue } from './gguf/parse.ts'
import { checkParts } from './gguf/split.ts'
import { layoutExtents } from './layout.ts'
import type { ByteSource, MetaValue, ModelHeader } from './types.ts'

/** @param sources all files of the model, in order. @throws {ERR_MODEL_FILE} {ERR_LIMIT} {ERR_IO} */
export async function readModelHeader(sources: readonly ByteSource[]): Promise<ModelHeader> {
  if (sources.length < 1 || sources.length > filesPerModelMax) {
    throw new HartonomousError('ERR_LIMIT', {
      what: 'files of a model',
      limit: filesPerModelMax,
      actual: sources.length,
    })
  }
  const parsed: { name: string; file: GgufFile }[] = []
  for (const source of sources) parsed.push({ name: source.name, file: await parseGguf(source) })
  checkParts(parsed)
  const files = parsed.map(({ file }) => ({ sizeBytes: file.sizeBytes, extents: layoutExtents(file) }))
  checkLayout({ files })
  return describe(parsed[0]!, files)
}

function describe({ name: source, file }: { name: string; file: GgufFile }, files: ModelHeader['files']): ModelHeader {
  const { values } = file
  const architecture = textValue(values, 'general.architecture')
  if (architecture === undefined || !/^[\w.-]{1,64}$/.test(architecture)) {
    throw new HartonomousError('ERR_MODEL_FILE', {
      file: source,
      field: 'general.architecture',
      offset: 0,
      reason: architecture === undefined ? 'it is missing' : 'not a name',
    })
  }
  const { components, edges } = groupComponents(files)
  const optional = {
    name: printable(textValue(values, 'general.name')),
    licence: printable(textValue(values, 'general.license')),
    chatTemplate: textValue(values, 'tokenizer.chat_template'),
    contextTokens: countValue(values, `${architecture}.context_length`),
    unrunnable: abortReason(file),
  }
  return {
    format: 'gguf',
    formatVersion: file.version,
    architecture,
    tokenizer: printable(textValue(values, 'tokenizer.ggml.model')) ?? 'none',
    parameterCount: components.reduce((sum, component) => sum + component.parameterCount, 0),
    meta: metaOf(file),
    files,
    components,
    edges,
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<ModelHeader>),
  }
}

function metaOf(file: GgufFile): Record<string, MetaValue> {
  return Object.fromEntries([...file.values].map(([key, { value }]) => [key, value]))
}

/** One line of bounded length without control or direction characters; `undefined` where nothing is left. */
function printable(text: string | undefined): string | undefined {
  const line = text
    ?.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, 200)
  return line === '' ? undefined : line
}
