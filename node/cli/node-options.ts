/** The settings of a command that starts a node. */
import {
  nodeFlagHelp,
  nodeFlags,
  type ResolvedConfig,
  readConfigFile,
  resolveConfig,
  settingsOfFlags,
} from '../config/index.ts'
import type { CommandContext } from './command.ts'

export { nodeFlagHelp as nodeOptionHelp, nodeFlags as nodeOptions }

/** @throws {ERR_CONFIG} {ERR_USAGE} */
export async function resolveNodeConfig(context: CommandContext): Promise<ResolvedConfig> {
  const file = await readConfigFile(context.paths.configFile)
  return resolveConfig(settingsOfFlags(context.options), context.environment, file)
}
