/** Tools that every coordinator has. None of them writes. */
import { agent } from '../agent/tool.ts'
import { dice } from './dice.ts'
import { joinText } from './join-text.ts'
import { now } from './now.ts'
import { parseJson } from './parse-json.ts'
import { readFolder } from './read-folder.ts'
import { splitText } from './split-text.ts'
import type { Tool } from './tool.ts'

export interface ToolOptions {
  /** That `read-folder` may read, with what is below. */
  folders: readonly string[]
}

export function shippedTools({ folders }: ToolOptions): ReadonlyMap<string, Tool> {
  const tools = [now, splitText, joinText, parseJson, readFolder(folders), dice, agent]
  return new Map(tools.map((tool) => [tool.name, tool]))
}
