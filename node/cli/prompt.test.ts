import { PassThrough, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { askHidden, askYesNo, type PromptStreams } from './prompt.ts'

/** What a person types, and what the terminal shows; the line editor in between is the real one. */
class Screen extends Writable {
  text = ''
  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.text += part.toString()
    done()
  }
}

function terminal() {
  const [keyboard, screen] = [new PassThrough(), new Screen()]
  const streams = { input: keyboard, output: screen } as unknown as PromptStreams
  return { keyboard, screen, streams }
}

const signal = new AbortController().signal

test('prompt: a hidden line is read, with its corrections, and nothing of it is shown', async () => {
  const { keyboard, screen, streams } = terminal()
  const answer = askHidden('passphrase: ', streams, signal)
  keyboard.write('geheimx\u007f ö1\r')
  expect((await answer).toString()).toBe('geheim ö1')
  expect(screen.text).toBe('passphrase: \n')
})

test('prompt: the question is shown only when the terminal has stopped to echo', async () => {
  const { keyboard, screen, streams } = terminal()
  const seen: string[] = []
  Object.assign(keyboard, { setRawMode: (isRaw: boolean) => seen.push(`${isRaw} ${screen.text}`) })
  const answer = askHidden('? ', streams, signal)
  keyboard.write('x\r')
  await answer
  expect(seen).toEqual(['true ', 'false ? '])
})

test('prompt: two hidden lines are asked one after the other', async () => {
  const { keyboard, streams } = terminal()
  for (const word of ['first', 'second']) {
    const answer = askHidden('? ', streams, signal)
    keyboard.write(`${word}\r`)
    expect((await answer).toString()).toBe(word)
  }
})

test('prompt: only yes is yes', async () => {
  for (const [typed, expected] of [
    ['y', true],
    ['YES', true],
    ['', false],
    ['n', false],
    ['yeah', false],
  ] as const) {
    const { keyboard, screen, streams } = terminal()
    const answer = askYesNo('send?', streams, signal)
    keyboard.write(`${typed}\r`)
    expect(await answer, typed).toBe(expected)
    expect(screen.text).toContain('send? [y/N] ')
  }
})

test('prompt: ends when it is aborted, and when the input ends', async () => {
  const controller = new AbortController()
  const first = terminal()
  const aborted = askHidden('? ', first.streams, controller.signal)
  controller.abort(new Error('SIGINT'))
  await expect(aborted).rejects.toThrow('SIGINT')
  const second = terminal()
  const ended = askHidden('? ', second.streams, signal)
  second.keyboard.end()
  await expect(ended).rejects.toThrow('nothing was typed')
})
