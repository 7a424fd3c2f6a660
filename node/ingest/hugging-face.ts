/** `hf:ORG/REPO/FILE` names a file on the Hugging Face hub, `hf:ORG/REPO@REVISION/FILE` one of a revision. */
import { HartonomousError } from '#protocol/errors.ts'

export const huggingFaceOrigin = 'https://huggingface.co'

/** Names as the hub allows them; no segment is `.` or `..`. */
const segment = '(?!\\.{1,2}(?:/|@|$))[A-Za-z0-9][A-Za-z0-9._-]{0,127}'
const referencePattern = new RegExp(`^hf:(${segment})/(${segment})(?:@([A-Za-z0-9][A-Za-z0-9._-]{0,127}))?/(.+)$`)
const fileSegmentPattern = /^(?!\.{1,2}$)[^\p{Cc}/\\?#]{1,255}$/u
const fileSegmentsMax = 16

export function isHuggingFaceReference(text: string): boolean {
  return text.startsWith('hf:')
}

/**
 * @param origin another hub (`HF_ENDPOINT`), for mirrors and tests.
 * @throws {ERR_USAGE}
 */
export function huggingFaceUrl(reference: string, origin: string = huggingFaceOrigin): string {
  const match = referencePattern.exec(reference)
  const file = match?.[4]?.split('/')
  if (!match || !file || file.length > fileSegmentsMax || !file.every((part) => fileSegmentPattern.test(part))) {
    throw new HartonomousError('ERR_USAGE', {
      message: `not a file on Hugging Face: ${JSON.stringify(reference.slice(0, 120))}; write it like hf:ORG/REPO/FILE.gguf`,
    })
  }
  const [, organisation, repository, revision = 'main'] = match
  const path = [organisation!, repository!, 'resolve', revision, ...file].map(encodeURIComponent).join('/')
  return `${origin.replace(/\/+$/, '')}/${path}`
}
