/**
 * Writes a random-weight llama model:
 *   node scripts/generate/model.ts --out payload.gguf --size 256MiB [--type Q8_0] [--seed 1]
 *   node scripts/generate/model.ts --out s110.gguf --shape s110
 */
import { parseArgs } from 'node:util'
import { type GeneratedType, type GenerateOptions, generateModel, s110Shape } from '#node/ingest/gguf/generate.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { formatBytes, formatRate, parseBytes } from '#protocol/units.ts'

export { generateModel, s110Shape }

function optionsFrom(args: string[]): GenerateOptions {
  const { values } = parseArgs({
    args,
    options: {
      out: { type: 'string' },
      size: { type: 'string' },
      shape: { type: 'string' },
      type: { type: 'string', default: 'Q8_0' },
      seed: { type: 'string', default: '1' },
      name: { type: 'string' },
    },
  })
  const { out, size, shape, type, seed, name } = values
  if (out === undefined) throw new HartonomousError('ERR_USAGE', { message: '--out FILE is needed' })
  if (shape !== undefined && shape !== 's110') {
    throw new HartonomousError('ERR_USAGE', { message: `--shape ${shape} is unknown; s110 is known` })
  }
  if (!['F32', 'F16', 'Q8_0', 'Q4_0'].includes(type) || !/^\d{1,9}$/.test(seed)) {
    throw new HartonomousError('ERR_USAGE', { message: '--type is F32, F16, Q8_0 or Q4_0; --seed a number' })
  }
  return {
    path: out,
    dtype: type as GeneratedType,
    seed: Number(seed),
    ...(name === undefined ? {} : { name }),
    ...(shape === undefined ? { sizeBytes: parseBytes(size ?? '256MiB') } : { shape: s110Shape }),
  }
}

async function main(): Promise<void> {
  try {
    const startedAtMs = performance.now()
    const { path, sizeBytes } = await generateModel(optionsFrom(process.argv.slice(2)))
    const rate = (sizeBytes * 1000) / (performance.now() - startedAtMs)
    process.stderr.write(`${path}: ${formatBytes(sizeBytes)}, ${formatRate(rate)}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = error instanceof HartonomousError && error.code !== 'ERR_USAGE' ? 1 : 2
  }
}

if (import.meta.main) await main()
