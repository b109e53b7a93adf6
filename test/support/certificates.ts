import {createPrivateKey, generateKeyPairSync, type KeyObject, sign} from 'node:crypto';
import {isIP} from 'node:net';

/** A certificate and its private key as PEM; `issue` makes more that it vouches for. */
export type Identity = {readonly cert: string; readonly key: string};

/** A certificate authority of a test. Its certificates are valid for a day. */
export class Authority {
	readonly identity: Identity;
	readonly #name: string;

	constructor(name = 'test-ca') {
		this.#name = name;
		this.identity = this.#sign({commonName: name, isAuthority: true});
	}

	/** A server's certificate for addresses and host names. */
	issueServer(...hosts: readonly string[]): Identity {
		return this.#sign({commonName: 'server', hosts});
	}

	/** A client's certificate: its user name and groups, as the API server reads them. */
	issueClient(commonName: string, ...organizations: readonly string[]): Identity {
		return this.#sign({commonName, organizations});
	}

	#sign({commonName, organizations = [], hosts = [], isAuthority = false}: Subject): Identity {
		const {publicKey, privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
		const signer = isAuthority ? privateKey : createPrivateKey(this.identity.key);
		const extensions = [
			...(isAuthority ? [extension('2.5.29.19', sequence(tag(0x01, Buffer.from([0xff]))))] : []),
			...(hosts.length > 0 ? [extension('2.5.29.17', sequence(...hosts.map(alternativeName)))] : []),
		];
		const body = sequence(
			tag(0xa0, integer(2)),
			tag(0x02, Buffer.from([0x01, ...crypto.getRandomValues(new Uint8Array(8))])),
			algorithm,
			distinguishedName(this.#name, []),
			sequence(time(-3_600_000), time(86_400_000)),
			distinguishedName(commonName, organizations),
			publicKey.export({type: 'spki', format: 'der'}),
			...(extensions.length > 0 ? [tag(0xa3, sequence(...extensions))] : []),
		);
		const signature = tag(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, signer)]));
		return {cert: pem(sequence(body, algorithm, signature)), key: pemKey(privateKey)};
	}
}

type Subject = {
	readonly commonName: string;
	readonly organizations?: readonly string[];
	readonly hosts?: readonly string[];
	readonly isAuthority?: boolean;
};

/** One DER value. Source: ITU-T X.690; the certificate's form: RFC 5280. */
function tag(type: number, content: Buffer): Buffer {
	const {length} = content;
	const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
	return Buffer.concat([Buffer.from([type, ...size]), content]);
}

function sequence(...items: readonly Buffer[]): Buffer {
	return tag(0x30, Buffer.concat(items));
}

function integer(value: number): Buffer {
	return tag(0x02, Buffer.from([value]));
}

function identifier(dotted: string): Buffer {
	const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
	const base128 = (value: number): number[] =>
		value < 0x80 ? [value] : [...base128(value >> 7).map((byte) => byte | 0x80), value & 0x7f];
	return tag(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** ecdsa-with-SHA256. */
const algorithm = sequence(identifier('1.2.840.10045.4.3.2'));

function distinguishedName(commonName: string, organizations: readonly string[]): Buffer {
	const part = (type: string, value: string) => tag(0x31, sequence(identifier(type), tag(0x0c, Buffer.from(value))));
	return sequence(...organizations.map((each) => part('2.5.4.10', each)), part('2.5.4.3', commonName));
}

function time(fromNowMs: number): Buffer {
	const text = new Date(Date.now() + fromNowMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
	return tag(0x18, Buffer.from(text));
}

function extension(type: string, value: Buffer): Buffer {
	return sequence(identifier(type), tag(0x04, value));
}

function alternativeName(host: string): Buffer {
	return isIP(host) === 4 ? tag(0x87, Buffer.from(host.split('.').map(Number))) : tag(0x82, Buffer.from(host));
}

function pem(der: Buffer): string {
	const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
	return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function pemKey(key: KeyObject): string {
	return key.export({type: 'pkcs8', format: 'pem'}).toString();
}
