import {readFile} from 'node:fs/promises';
import type {RequestOptions} from 'node:https';

/** How one API server is reached, and who we are to it. */
export type Login = {
	/** URL without a slash at its end. */
	readonly server: string;
	/** Whether connections go through a proxy: its agent is among the options. */
	readonly isProxied: boolean;
	/** What a request needs but its path, as files and plugins have it now. @throws why it cannot be had */
	readonly options: () => Promise<RequestOptions>;
};

/** A text of a configuration, or the file that holds it and may change. */
export type Content = {readonly text: string} | {readonly file: string};

/** A login by texts and files alone. */
export type PlainLogin = {
	readonly server: string;
	/** Certificates of those who vouch for the API server; the system's when absent. PEM. */
	readonly authority?: Content | undefined;
	/** The name that its certificate must hold, where it is not that of the URL. */
	readonly serverName?: string | undefined;
	/** Anybody is taken for the API server. */
	readonly isInsecure?: boolean;
	/** PEM. */
	readonly certificate?: Content | undefined;
	readonly key?: Content | undefined;
	/** Bearer token; line breaks around it do not count. */
	readonly token?: Content | undefined;
	/** `user:password`. */
	readonly basic?: string | undefined;
};

/** Files are read at each request: what they hold counts from the next one on. */
export function plainLogin(login: PlainLogin): Login {
	const {server, authority, serverName, isInsecure = false, certificate, key, token, basic} = login;
	return {
		server: server.replace(/\/$/, ''),
		isProxied: false,
		options: async () => {
			const [ca, cert, secret, bearer] = await Promise.all([authority, certificate, key, token].map(readContent));
			return {
				...(ca !== undefined && {ca}),
				...(cert !== undefined && {cert}),
				...(secret !== undefined && {key: secret}),
				...(isInsecure && {rejectUnauthorized: false}),
				...(serverName !== undefined && {servername: serverName}),
				...(basic !== undefined && {auth: basic}),
				headers: bearer === undefined ? {} : {Authorization: `Bearer ${bearer}`},
			};
		},
	};
}

async function readContent(content: Content | undefined): Promise<string | undefined> {
	return content && ('text' in content ? content.text : await readFile(content.file, 'utf8'));
}
