/** The constitution that is shipped: `default.cedar`, which an owner may read, and copy to begin with. */
import { readFileSync } from 'node:fs'

/** Line ends as in the repository, whatever a checkout made of them: its hash must not depend on it. */
export function defaultText(): string {
  return readFileSync(new URL('default.cedar', import.meta.url), 'utf8').replaceAll('\r\n', '\n')
}
