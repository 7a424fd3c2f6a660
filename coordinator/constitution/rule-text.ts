/**
 * How deep and how wide a text of rules is, found before the engine parses it: it recurses over what it reads, and its
 * stack is small. Strings and comments are told apart as Cedar's own lexer does.
 */
import { HartonomousError } from '#protocol/errors.ts'
import { ruleNestingMax, ruleOperatorsMax, rulePatternBytesMax } from '#protocol/limits.ts'

const tokens =
  /\/\/[^\n\r]*|"(?:\\.|[^"\\])*"|[A-Za-z_][A-Za-z0-9_]*|::|&&|\|\||==|!=|<=|>=|[-+*.!<>([{)\]};@?,:%/]|\d+|\s+/suy

/** Each is a level of the tree at worst. */
const operators = new Set('&& || == != <= >= < > + - * . ! % / ( [ { if in has like is when unless ='.split(' '))
const closing = new Set([')', ']', '}'])

/** @throws {ERR_LIMIT} {ERR_USAGE} */
export function checkRuleText(text: string): void {
  let [depth, count] = [0, 0]
  let isPattern = false
  tokens.lastIndex = 0
  for (let at = 0; at < text.length; at = tokens.lastIndex) {
    tokens.lastIndex = at
    const token = tokens.exec(text)?.[0]
    if (token === undefined) throw unreadable(text, at)
    if (isPattern && token.startsWith('"')) atMost('bytes of a pattern', Buffer.byteLength(token), rulePatternBytesMax)
    if (token.trim() !== '' && !token.startsWith('//')) isPattern = token === 'like'
    if ('([{'.includes(token)) depth++
    else if (closing.has(token)) depth--
    else if (token === ';' && depth === 0) count = 0
    if (depth < 0) throw unreadable(text, at)
    if (operators.has(token)) count++
    atMost('brackets within one another in a rule', depth, ruleNestingMax)
    atMost('operators and brackets of a rule', count, ruleOperatorsMax)
  }
}

function unreadable(text: string, at: number): HartonomousError {
  const { line, column } = placeOf(text, at)
  const what = JSON.stringify(String.fromCodePoint(text.codePointAt(at)!))
  return new HartonomousError('ERR_USAGE', { message: `rules, line ${line}, column ${column}: unexpected ${what}` })
}

function atMost(what: string, actual: number, limit: number): void {
  if (actual > limit) throw new HartonomousError('ERR_LIMIT', { what, limit, actual })
}

/** Both from 1, of a place counted in UTF-16 units. */
export function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at)
  const start = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: at - start + 1 }
}
