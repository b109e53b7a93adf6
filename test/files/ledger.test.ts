import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {Ledger} from '../../src/files/ledger.ts';

/** Files as object → version, read into a ledger as the source does it, and what it told of them. */
class Disk {
	readonly files = new Map<string, ReadonlyMap<string, number>>();
	readonly inForce = new Map<string, number>();
	readonly told: string[] = [];
	readonly ledger = new Ledger();

	write(file: string, objects: ReadonlyMap<string, number>): void {
		this.files.set(file, objects);
		this.#read(file);
	}

	remove(file: string): void {
		this.files.delete(file);
		this.ledger.forget(file);
	}

	settle(): void {
		for (let heirs = this.ledger.takeHeirs(); heirs.length > 0; heirs = this.ledger.takeHeirs()) {
			for (const file of heirs) {
				this.#read(file);
			}
		}

		for (const id of this.ledger.takeOrphans()) {
			this.told.push(`delete ${id}`);
			this.inForce.delete(id);
		}
	}

	#read(file: string): void {
		const objects = this.files.get(file) ?? new Map<string, number>();
		const known = new Map(this.ledger.known(file));
		this.ledger.begin(file);
		for (const id of known.keys()) {
			if (!objects.has(id)) {
				this.ledger.drop(file, id);
			}
		}

		for (const [id, version] of objects) {
			if (known.get(id) !== version && this.ledger.put(file, id, version)) {
				this.told.push(`put ${id} ${version}`);
				this.inForce.set(id, version);
			}
		}
	}
}

const objects = fc
	.dictionary(fc.constantFrom('x', 'y', 'z'), fc.integer({min: 1, max: 3}))
	.map((each) => new Map(Object.entries(each)));
const step = fc.record({file: fc.constantFrom('a', 'b', 'c'), objects: fc.option(objects), settles: fc.boolean()});

testProp(
	'after any writes and removals an object is in force exactly when a file holds it, in the version of one that does',
	[fc.array(step, {maxLength: 20})],
	(t, steps) => {
		const disk = new Disk();
		for (const each of steps) {
			if (each.objects === null) {
				disk.remove(each.file);
			} else {
				disk.write(each.file, each.objects);
			}

			if (each.settles) {
				disk.settle();
			}
		}

		disk.settle();
		const held = [...disk.files.values()];
		for (const id of ['x', 'y', 'z']) {
			const versions = held.flatMap((file) => file.get(id) ?? []);
			const version = disk.inForce.get(id);
			t.true(
				version === undefined ? versions.length === 0 : versions.includes(version),
				`${id}: ${version} of ${versions}`,
			);
		}

		const before = disk.told.length;
		for (const [file, content] of disk.files) {
			disk.write(file, content);
		}

		disk.settle();
		t.is(disk.told.length, before, 'reading all files again tells nothing');
	},
);

test('an object that two files hold is told once, and not deleted when the first of them goes', (t) => {
	const disk = new Disk();
	disk.write('a', new Map([['x', 1]]));
	disk.write('b', new Map([['x', 2]]));
	t.deepEqual([...disk.ledger.clashes('b')], [['a', {count: 1, id: 'x'}]]);
	disk.remove('a');
	disk.settle();
	t.deepEqual(disk.told, ['put x 1', 'put x 2']);
	t.deepEqual(disk.ledger.clashing(), []);
});
