/** The document as it is committed, for who reads it without a coordinator. */
import { version } from '#node/runtime/index.ts'
import { openApiDocument } from './document.ts'

export const openApiFile = new URL('../../../docs/reference/openapi.json', import.meta.url)

export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(version), null, 2)}\n`
}
