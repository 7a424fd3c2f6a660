import { createHash } from 'node:crypto'
import { z } from 'zod'
import { defineTool } from './tool.ts'

export const dice = defineTool({
  name: 'dice',
  description: 'Rolls dice. The job and the step are the seed: a run that goes on rolls the same again.',
  args: z.strictObject({
    count: z.int().min(1).max(100).optional(),
    sides: z.int().min(2).max(1000).optional(),
    /** Added to the total. */
    bonus: z.int().min(-1000).max(1000).optional(),
  }),
  run: ({ count = 1, sides = 20, bonus = 0 }, { key }) => {
    const random = numbersOf(key)
    const rolls = Array.from({ length: count }, () => rollOf(random, sides))
    const total = rolls.reduce((sum, roll) => sum + roll, bonus)
    const sign = bonus < 0 ? ' - ' : ' + '
    const sum = [rolls.join(' + '), ...(bonus === 0 ? [] : [sign + Math.abs(bonus)])].join('')
    const isOne = count === 1 && bonus === 0
    return { rolls, total, text: `${count}d${sides}: ${isOne ? total : `${sum} = ${total}`}` }
  },
})

/** Numbers under 2^32: SHA-256 over seed and counter. */
function* numbersOf(seed: string): Generator<number, never> {
  for (let block = 0; ; block++) {
    const bytes = createHash('sha256').update(`dice\0${seed}\0${block}`).digest()
    for (let offset = 0; offset < bytes.length; offset += 4) yield bytes.readUInt32BE(offset)
  }
}

/** Numbers behind the last whole round of sides are passed over, so that each side is as likely. */
function rollOf(random: Generator<number, never>, sides: number): number {
  const rounds = Math.floor(2 ** 32 / sides) * sides
  for (;;) {
    const number = random.next().value
    if (number < rounds) return (number % sides) + 1
  }
}
