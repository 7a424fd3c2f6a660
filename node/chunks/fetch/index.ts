/** Which block is asked of which source, how chunks come together, and who is to blame: pure, driven by events. */
import type { FetchCore, FetchCoreInit } from '../fetch-types.ts'
import { Core } from './core.ts'

export function createFetchCore(init: FetchCoreInit): FetchCore {
  return new Core(init)
}
