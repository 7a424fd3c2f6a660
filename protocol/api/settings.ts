/** Settings that the owner of a running node may change, as the control API tells and takes them. */
import { z } from 'zod'

/** As `hart config show` has it: sizes and rates are bytes, amounts HART as decimal text. */
const settingValue = z.union([z.string().max(4096), z.number(), z.boolean(), z.array(z.string().max(256)).max(1024)])

export const settingView = z.object({
  key: z.string(),
  kind: z.enum(['string', 'integer', 'boolean', 'size', 'rate', 'list']),
  help: z.string(),
  value: settingValue.describe('In force now.'),
  default: settingValue,
  origin: z.enum(['flag', 'environment', 'file', 'default']).describe('Where the value in force comes from.'),
  takesEffect: z.enum(['now', 'restart']),
  nextValue: settingValue.exactOptional().describe('In force from the next start on, where that is another one.'),
  overriddenBy: z
    .enum(['flag', 'environment'])
    .exactOptional()
    .describe('What goes before the file at each start: a change holds until then.'),
})
export type SettingView = z.infer<typeof settingView>

export const settingsView = z.object({
  file: z.string().exactOptional().describe('Where changes are kept; absent where they hold until the next start.'),
  settings: z.array(settingView),
})
export type SettingsView = z.infer<typeof settingsView>

export const settingsRequest = z.object({
  settings: z
    .record(z.string().min(1).max(64), z.union([settingValue, z.null()]))
    .describe('By key, sizes and rates also as text such as `5MiB`; `null` is back to the default. Others stay.'),
})
export type SettingsRequest = z.infer<typeof settingsRequest>

export const settingsChangeView = settingsView.extend({
  applied: z.array(z.string()).describe('Keys that took effect now.'),
  waiting: z.array(z.string()).describe('Keys that take effect at the next start.'),
})
export type SettingsChangeView = z.infer<typeof settingsChangeView>
