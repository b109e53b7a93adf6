/** One line of a Dockerfile, continued lines joined: `COPY`, and what it is told. */
export type Instruction = {readonly verb: string; readonly text: string};

/** From one FROM to the next; `name` is what other stages copy from it by. */
export type Stage = {readonly name: string | undefined; readonly instructions: readonly Instruction[]};

export type Copy = {
	/** The stage that it is copied from; absent: the folder that the image is built in. */
	readonly from: string | undefined;
	readonly sources: readonly string[];
	readonly target: string;
};

/** The stages of a Dockerfile in order; the last one is the image. What stands above the first is left out. */
export function parseDockerfile(text: string): Stage[] {
	const lines = text
		.split('\n')
		.filter((line) => line.trim() !== '' && !line.startsWith('#'))
		.join('\n')
		.replaceAll(/\\\n\s*/g, '')
		.split('\n');
	const stages: {name: string | undefined; instructions: Instruction[]}[] = [];
	for (const line of lines) {
		const [, verb = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
		if (verb === 'FROM') {
			stages.push({name: / AS (\S+)$/.exec(rest)?.[1], instructions: []});
		} else {
			stages.at(-1)?.instructions.push({verb, text: rest});
		}
	}

	return stages;
}

/** What the COPY lines of a stage copy. */
export function copiesOf({instructions}: Stage): Copy[] {
	return instructions.filter(({verb}) => verb === 'COPY').map(({text}) => parseCopy(text));
}

export function parseCopy(text: string): Copy {
	const words = text.split(/\s+/);
	const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
	return {from, sources: words.slice(0, -1), target: words.at(-1) ?? ''};
}
