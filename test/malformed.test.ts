import {testProp} from '@fast-check/ava';
import {NetError} from '../src/errors.ts';
import {parseObject} from '../src/model/parse.ts';
import {malformedObjects} from './lab/malformed.ts';

testProp(
	'each of a thousand malformed objects is refused by its name and the field that is wrong',
	[malformedObjects(1000)],
	(t, objects) => {
		for (const [index, object] of objects.entries()) {
			const error = refusalOf(object);
			t.is(error?.code, 'OBJECT_INVALID', `${JSON.stringify(object)} was taken`);
			t.regex(String(error?.details['object']), new RegExp(`^${object['kind']} (?:shop/)?bad-${index}$`));
			t.not(error?.details['field'], '');
		}
	},
	{numRuns: 3},
);

function refusalOf(object: unknown): NetError | undefined {
	try {
		parseObject(object);
		return undefined;
	} catch (error) {
		if (error instanceof NetError) {
			return error;
		}

		throw error;
	}
}
