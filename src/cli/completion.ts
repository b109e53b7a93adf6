import {Argument, Command} from 'commander';
import type {Terminal} from './terminal.ts';

/** One command as completion sees it: the words that may follow it. */
type Words = {
	readonly name: string;
	readonly describe: string;
	readonly flags: readonly string[];
	/** What else: its commands, and what its argument may be. */
	readonly words: readonly string[];
};

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** `fairlead completion`: a script for a shell, derived from the commands themselves. */
export function completionCommand(terminal: Terminal, program: () => Command): Command {
	return new Command('completion')
		.description('Print a script that completes commands and flags in a shell.')
		.helpOption('-h, --help', 'print this help')
		.addArgument(new Argument('<shell>', 'the shell').choices(shells))
		.addHelpText(
			'after',
			`
Examples:
  source <(fairlead completion bash)
  fairlead completion zsh > "\${fpath[1]}/_fairlead"
  fairlead completion fish > ~/.config/fish/completions/fairlead.fish`,
		)
		.action((shell: Shell) => {
			terminal.out(printCompletion(shell, program().commands.map(wordsOf)));
		});
}

function wordsOf(command: Command): Words {
	const visible = [command, ...command.commands].flatMap((each) => each.createHelp().visibleOptions(each));
	const flags = [...new Set(visible.flatMap(({long}) => (long === undefined ? [] : [long])))];
	const choices = command.registeredArguments.flatMap(({argChoices = []}) => argChoices);
	const words = [...command.commands.map((each) => each.name()), ...choices];
	return {name: command.name(), describe: command.description(), flags, words};
}

function printCompletion(shell: Shell, commands: readonly Words[]): string {
	switch (shell) {
		case 'bash':
			return bash(commands);
		case 'zsh':
			return zsh(commands);
		case 'fish':
			return fish(commands);
	}
}

function bash(commands: readonly Words[]): string {
	const cases = commands.map(({name, flags, words}) => `    ${name}) words="${[...flags, ...words].join(' ')}" ;;`);
	return `_fairlead() {
  local words word="\${COMP_WORDS[COMP_CWORD]}"
  case "$COMP_CWORD:\${COMP_WORDS[1]}" in
    1:*) words="${commands.map(({name}) => name).join(' ')} --help --version" ;;
    *) case "\${COMP_WORDS[1]}" in
${cases.join('\n').replaceAll(/^ {4}/gm, '      ')}
    esac ;;
  esac
  case "$word" in
    -*) ;;
    *) [ "$COMP_CWORD" -gt 1 ] && case "\${COMP_WORDS[COMP_CWORD-1]}" in -*) COMPREPLY=($(compgen -f -- "$word")); return ;; esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o filenames -F _fairlead fairlead
`;
}

function zsh(commands: readonly Words[]): string {
	const cases = commands.map(
		({name, flags, words}) => `    ${name}) compadd -- ${[...flags, ...words].join(' ')}; _files ;;`,
	);
	return `#compdef fairlead
_fairlead() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({name, describe}) => `      '${name}:${describe.replaceAll("'", "'\\''")}'`).join('\n')}
    )
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _fairlead fairlead
`;
}

function fish(commands: readonly Words[]): string {
	const lines = commands.flatMap(({name, describe, flags, words}) => [
		`complete -c fairlead -n __fish_use_subcommand -f -a ${name} -d '${describe.replaceAll("'", String.raw`\'`)}'`,
		...flags.map((flag) => `complete -c fairlead -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`),
		...(words.length > 0
			? [`complete -c fairlead -n '__fish_seen_subcommand_from ${name}' -f -a '${words.join(' ')}'`]
			: []),
	]);
	return `${lines.join('\n')}\n`;
}
