import type {Service, ServicePort} from '../model/objects.ts';
import type {Family} from '../net/address.ts';
import type {ServicePortName} from './frontend.ts';
import type {Names} from './reasons.ts';

/** One port of a Service in one family: what every decision is made about. */
export type PortView = {
	readonly service: Service;
	readonly names: Names;
	readonly name: ServicePortName;
	readonly port: ServicePort;
	readonly family: Family;
};
