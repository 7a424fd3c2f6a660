/** `hart diff`: which components of two models differ, and by how much. */
import { loadNative } from '#native/index.ts'
import type { ComponentDiffView, DiffView } from '#protocol/api/control.ts'
import { formatBytes } from '#protocol/units.ts'
import { diffModels, openModelFile } from '../../peek/index.ts'
import { type Command, type CommandContext, flagOption } from '../command.ts'
import { modelPath } from '../model-source.ts'

export const diff: Command = {
  name: 'diff',
  summary: 'Compare two models, component by component. What has the same hash is not read.',
  usage: 'MODEL_A MODEL_B',
  positionalsMin: 2,
  options: { all: { type: 'boolean' } },
  optionHelp: { all: { help: 'also what is identical' } },
  examples: ['hart diff hartling-f16 hartling-q8_0', 'hart diff base.gguf tuned.gguf --json'],
  async run(context) {
    const { output } = context
    const view = await compare(context)
    if (output.json) {
      output.value(view)
      return 0
    }
    const shown = view.components.filter(({ status }) => flagOption(context, 'all') || status !== 'identical')
    if (shown.length > 0)
      output.table(['component', 'status', 'tensors', 'change', 'cosine', 'largest', 'note'], shown.map(cells))
    const identical = view.components.filter(({ status }) => status === 'identical').length
    output.note(
      `${identical} of ${view.components.length} components are identical; ${formatBytes(view.readBytes)} read`,
    )
    return 0
  },
}

function cells({ key, status, tensors, tensorsChanged, unknown, ...figures }: ComponentDiffView): string[] {
  const { relativeChange, cosine, maxAbsChange } = figures
  return [
    key,
    status,
    `${tensorsChanged} of ${tensors}`,
    relativeChange === undefined ? '-' : `${(100 * relativeChange).toPrecision(3)} %`,
    cosine === undefined ? '-' : cosine.toFixed(6),
    maxAbsChange === undefined ? '-' : maxAbsChange.toPrecision(3),
    unknown ?? '',
  ]
}

async function compare(context: CommandContext): Promise<DiffView> {
  const [a, b] = context.positionals as [string, string]
  const [pathA, pathB] = [modelPath(a), modelPath(b)]
  if (pathA !== undefined && pathB !== undefined) {
    const [first, second] = [await openModelFile(pathA), await openModelFile(pathB)]
    const onComponent = (done: number, total: number) => context.output.progress(`comparing ${done} of ${total}`)
    return diffModels(loadNative().binding, first, second, { signal: context.signal, onComponent })
  }
  const query = new URLSearchParams({ a: pathA ?? a, b: pathB ?? b })
  return (await context.connect()).get<DiffView>(`/api/v1/diff?${query}`)
}
