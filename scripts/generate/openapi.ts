/** `node scripts/generate/openapi.ts`: writes the OpenAPI document of the coordinator to `docs/reference`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { openApiFile, openApiText } from '../../coordinator/api/openapi/committed.ts'

const text = openApiText()
mkdirSync(new URL('.', openApiFile), { recursive: true })
writeFileSync(openApiFile, text)
console.log(`docs/reference/openapi.json written, ${text.length} bytes`)
