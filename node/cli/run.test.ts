import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { commandFirst, findCommand, runCli } from './run.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

class Capture extends Writable {
  text = ''
  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.text += part.toString()
    done()
  }
}

async function hart(...argv: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const status = await runCli(argv, {
    commands,
    environment: { HARTONOMOUS_DATA_DIR: folder, HARTONOMOUS_CONFIG: join(folder, 'config.json') },
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    signal: new AbortController().signal,
  })
  return { status, stdout: stdout.text, stderr: stderr.text }
}

test('hart: every command explains itself, with examples and all of its options', async () => {
  for (const command of commands) {
    const { status, stdout } = await hart(...command.name.split(' '), '--help')
    expect(status, command.name).toBe(0)
    expect(stdout, command.name).toContain('Examples:')
    expect(Object.keys(command.optionHelp ?? {}).sort(), command.name).toEqual(
      Object.keys(command.options ?? {}).sort(),
    )
    for (const name of Object.keys(command.options ?? {})) expect(stdout, command.name).toContain(`--${name}`)
  }
})

test('hart: examples in the help texts name commands and options that exist', () => {
  for (const example of commands.flatMap((command) => command.examples ?? [])) {
    const words = /\bhart (.+)$/
      .exec(example)?.[1]
      ?.split(/ +(?:\||#)/)[0]
      ?.split(' ')
    if (words === undefined) continue
    const found = findCommand(words, commands)
    expect(found, example).toBeDefined()
    for (const flag of words.filter((word) => word.startsWith('--'))) {
      const known = ['json', 'yes', ...Object.keys(found!.command.options ?? {})]
      expect(known, example).toContain(flag.slice(2))
    }
  }
})

test('hart: no two commands answer to one name', () => {
  const names = commands.flatMap((command) => [command.name, ...(command.aliases ?? [])])
  expect(new Set(names).size).toBe(names.length)
})

test('hart: a misspelt command or option names the one that was meant', async () => {
  expect(await hart('stauts')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('did you mean hart status?'),
  })
  expect((await hart('models', 'lss')).stderr).toContain('did you mean hart models ls?')
  expect((await hart('up', '--pleg', '5')).stderr).toContain('did you mean --pledge?')
  expect((await hart('frobnicate')).stderr).toContain('hart --help lists them')
})

test('hart: words too few or too many show the usage', async () => {
  expect(await hart('pull')).toMatchObject({ status: 2, stderr: expect.stringContaining('usage: hart pull MODEL') })
  expect((await hart('status', 'now')).stderr).toContain('"now" is one word too many')
})

test('hart: options of every command may stand before it', async () => {
  expect(commandFirst(['--json', '--data-dir', 'x', 'status', '--verbose'])).toEqual([
    'status',
    '--verbose',
    '--json',
    '--data-dir',
    'x',
  ])
  expect(JSON.parse((await hart('--json', 'version')).stdout)).toHaveProperty('node')
})

test('hart: without a running node a command ends with 3 and says how to start one', async () => {
  const { status, stdout, stderr } = await hart('status', '--json')
  expect(status).toBe(3)
  expect(stdout).toBe('')
  expect(JSON.parse(stderr).error).toMatchObject({ code: 'ERR_NODE_NOT_RUNNING', remedy: 'hart up' })
})

test('hart: a file that cannot be offered ends `up` before the node starts', async () => {
  const missing = await hart('up', '--ingest', join(folder, 'nowhere.gguf'))
  expect(missing).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('ERR_NOT_FOUND') })
})

test('hart config: set, get and unset; an unknown prefix is told', async () => {
  expect(await hart('config', 'set', 'pledge.disk', '2GiB')).toMatchObject({ status: 0 })
  expect((await hart('config', 'get', 'pledge.disk')).stdout.trim()).toBe(String(2 * 2 ** 30))
  expect((await hart('config', 'set', 'pledge.disk', '--unset')).stderr).toContain('has its default again')
  expect((await hart('config', 'get', 'pledge.disk')).stdout.trim()).toBe('0')
  expect(await hart('config', 'show', 'nothing')).toMatchObject({ status: 2 })
})

test('hart identity: a key is replaced only when that is said', async () => {
  const key = join(folder, 'node.key')
  const { stdout: peerId } = await hart('identity', 'show')
  expect(await hart('identity', 'export', '--out', key)).toMatchObject({ status: 0 })
  expect(await hart('identity', 'import', key)).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') })
  expect(await hart('identity', 'import', key, '--yes')).toMatchObject({ status: 0, stdout: peerId })
})

test('hart completion: names every command for every shell', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await hart('completion', shell)
    for (const word of ['devnet', 'ingest', 'export', 'no-caps']) expect(stdout, shell).toContain(word)
  }
  expect(await hart('completion', 'tcsh')).toMatchObject({ status: 2 })
})

test('hart tensor and diff: a file is looked into without a node', async () => {
  const [f16, q8] = ['hartling-f16', 'hartling-q8_0'].map((name) =>
    fileURLToPath(new URL(`../../models/hartling/${name}.gguf`, import.meta.url)),
  ) as [string, string]
  expect((await hart('tensor', 'ls', q8)).stdout).toMatch(/token_embd\.weight +Q8_0 +2048 x 128/)
  const shown = await hart('tensor', 'show', f16, 'blk.0.attn_q.weight', '--rows', '10-12', '--json')
  expect(JSON.parse(shown.stdout).rows).toMatchObject({ first: 10, values: [{ length: 128 }, {}, {}] })
  expect((await hart('tensor', 'show', f16, 'output_norm.weight')).stdout).toMatch(/row 0 +(-?[\d.]+ +){20}/)
  const png = join(folder, 'q.png')
  const drawn = await hart('tensor', 'show', f16, 'blk.0.attn_q.weight', '--png', png)
  expect(drawn).toMatchObject({ status: 0, stdout: expect.stringContaining('kurtosis') })
  expect((await readFile(png)).subarray(1, 4).toString()).toBe('PNG')
  expect((await hart('diff', f16, q8)).stdout).toMatch(/blk\.0\.attention +changed +4 of 4/)
  expect(await hart('tensor', 'show', f16, 'output_norm.weight', '--rows', '5-2')).toMatchObject({ status: 2 })
  expect(await hart('tensor', 'ls', join(folder, 'nowhere.gguf'))).toMatchObject({ status: 1 })
  expect(await hart('tensor', 'ls', 'hartling-f16')).toMatchObject({ status: 3 })
})
