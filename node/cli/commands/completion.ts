/** `hart completion bash|zsh|fish`: a script for the shell, made from the command table. */
import { HartonomousError } from '#protocol/errors.ts'
import { type Command, globalOptions } from '../command.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

/** `commands` is a function, because the table contains this command too. */
export function createCompletion(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'Print the completion script of a shell: bash, zsh or fish.',
    usage: 'SHELL',
    positionalsMin: 1,
    examples: [
      'source <(hart completion bash)                                     # in ~/.bashrc',
      'source <(hart completion zsh)                                      # in ~/.zshrc, after compinit',
      'hart completion fish > ~/.config/fish/completions/hart.fish',
    ],
    async run({ output, positionals }) {
      const shell = shells.find((known) => known === positionals[0])
      if (shell === undefined)
        throw new HartonomousError('ERR_USAGE', { message: `the shells are ${shells.join(', ')}` })
      const script = completionScript(shell, commands())
      if (output.json) output.value({ shell, script })
      else output.line(script)
      return 0
    },
  }
}

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  if (shell === 'fish') return fishScript(commands)
  return shell === 'bash' ? bashScript(commands) : `autoload -U bashcompinit && bashcompinit\n${bashScript(commands)}`
}

/** Words after `hart`: the first of each command, and the second of each group. */
function wordsOf(commands: readonly Command[]): { first: string[]; second: Map<string, string[]> } {
  const second = new Map<string, string[]>()
  for (const { name } of commands) {
    const [group, verb] = name.split(' ')
    second.set(group!, [...(second.get(group!) ?? []), ...(verb === undefined ? [] : [verb])])
  }
  return { first: [...second.keys()], second }
}

function flagsOf(command: Command): string[] {
  return Object.keys({ ...command.options, ...globalOptions }).map((name) => `--${name}`)
}

function bashScript(commands: readonly Command[]): string {
  const { first, second } = wordsOf(commands)
  const groups = [...second]
    .filter(([, verbs]) => verbs.length > 0)
    .map(([group, verbs]) => `    ${group}) words='${verbs.join(' ')}' ;;`)
  // Two words first: `models ls` before `pull`.
  const flags = [...commands]
    .sort((a, b) => Number(b.name.includes(' ')) - Number(a.name.includes(' ')))
    .map(
      (command) =>
        `    '${command.name}${command.name.includes(' ') ? "'" : " '*"}) words='${flagsOf(command).join(' ')}' ;;`,
    )
  return `_hart() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${first.join(' ')}'
  elif [ "\${current#-}" != "$current" ]; then
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${flags.join('\n')}
    esac
  elif [ "$COMP_CWORD" -eq 2 ]; then
    case "\${COMP_WORDS[1]}" in
${groups.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _hart hart hartonomous`
}

function fishScript(commands: readonly Command[]): string {
  const lines = ['hart', 'hartonomous'].flatMap((program) =>
    commands.flatMap((command) => {
      const [group, verb] = command.name.split(' ')
      const text = command.summary.replaceAll("'", '’')
      const isFirst = '__fish_use_subcommand'
      const within = `__fish_seen_subcommand_from ${verb ?? group}`
      const word =
        verb === undefined
          ? `complete -c ${program} -n ${isFirst} -a ${group} -d '${text}'`
          : `complete -c ${program} -n '__fish_seen_subcommand_from ${group}' -a ${verb} -d '${text}'`
      const flags = Object.keys(command.options ?? {}).map(
        (name) => `complete -c ${program} -n '${within}' -l ${name} -d '${command.optionHelp?.[name]?.help ?? ''}'`,
      )
      return [...(verb === undefined ? [] : [`complete -c ${program} -n ${isFirst} -a ${group}`]), word, ...flags]
    }),
  )
  return [...new Set(lines)].join('\n')
}
