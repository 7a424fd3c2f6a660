/** A model from an HTTP origin: its header is read and judged by ranges first, then its files are fetched whole. */
import { join } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import { type DownloadOptions, downloadFile } from './download.ts'
import { partNames } from './gguf/split.ts'
import { readModelHeader } from './header.ts'
import { type HttpSource, type HttpSourceOptions, openHttpSource } from './http-source.ts'
import { huggingFaceUrl, isHuggingFaceReference } from './hugging-face.ts'
import type { ModelHeader } from './types.ts'

export interface OriginOptions extends HttpSourceOptions {
  /** Another Hugging Face hub (`HF_ENDPOINT`). */
  huggingFaceEndpoint?: string
}

export interface OriginModel {
  /** Of all files of the model, in order. */
  urls: string[]
  sources: HttpSource[]
  header: ModelHeader
}

/** `hf:ORG/REPO/FILE`, or an http(s) URL. */
export function isOriginReference(text: string): boolean {
  return isHuggingFaceReference(text) || /^https?:\/\//i.test(text)
}

/**
 * Reads the header(s) only. Of a split model any part may be named.
 * @throws {ERR_USAGE} {ERR_NOT_FOUND} {ERR_MODEL_FILE} {ERR_IO}
 */
export async function openOrigin(reference: string, options: OriginOptions = {}): Promise<OriginModel> {
  const url = isHuggingFaceReference(reference) ? huggingFaceUrl(reference, options.huggingFaceEndpoint) : reference
  const urls = originParts(url)
  const sources: HttpSource[] = []
  for (const each of urls) sources.push(await openHttpSource(each, options))
  return { urls, sources, header: await readModelHeader(sources) }
}

/** The file name is in the path; a query stays as it is. */
function originParts(url: string): string[] {
  if (!URL.canParse(url)) return [url]
  const parsed = new URL(url)
  return partNames(parsed.pathname).map((pathname) => {
    const part = new URL(parsed)
    part.pathname = pathname
    return part.href
  })
}

const fileNamePattern = /^[\p{L}\p{N}][\p{L}\p{N} ._+-]{0,200}$/u

/** The last part of the path, or a plain name where that is none that is safe on every system. */
export function originFileName(url: string): string {
  let name = ''
  try {
    name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '')
  } catch {
    // Not a valid escape: the plain name.
  }
  return fileNamePattern.test(name) && name.toLowerCase().endsWith('.gguf') ? name : 'model.gguf'
}

/**
 * Fetches the files into `folder` and returns their paths, in order, ready for `ingestModel`.
 * @throws {ERR_IO} {ERR_DISK_FULL} {ERR_WITHDRAWN}
 */
export async function downloadOrigin(
  model: OriginModel,
  folder: string,
  options: DownloadOptions = {},
): Promise<string[]> {
  const totalBytes = model.sources.reduce((sum, source) => sum + source.sizeBytes, 0)
  const paths = model.urls.map((url) => join(folder, originFileName(url)))
  if (new Set(paths).size !== paths.length) {
    throw new HartonomousError('ERR_USAGE', { message: `the files of ${model.urls[0]} have no names of their own` })
  }
  let finishedBytes = 0
  for (const [index, source] of model.sources.entries()) {
    const before = finishedBytes
    await downloadFile(source, paths[index]!, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (doneBytes) => options.onProgress?.(before + doneBytes, totalBytes),
    })
    finishedBytes += source.sizeBytes
  }
  return paths
}
