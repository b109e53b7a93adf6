import {Counter, collectDefaultMetrics, Gauge, Histogram, Registry} from 'prom-client';
import {type LabelsOf, type MetricName, type MetricRow, metricTable, type NameOf} from './metric-table.ts';

/** How often `nodejs_eventloop_lag_*` looks at the loop: the default, each 10 ms, takes half a percent of a core. */
const eventLoopMonitoringPrecision = 100;

/**
 * The metrics of this process: those of `metric-table.ts`, and what prom-client knows of the process and of Node.
 * Importing this takes tens of milliseconds and megabytes (prom-client): import it only where metrics are served.
 */
export class Metrics {
	readonly #registry = new Registry();
	readonly #counters = new Map<MetricName, Counter>();
	readonly #gauges = new Map<MetricName, Gauge>();
	readonly #histograms = new Map<MetricName, Histogram>();
	readonly #collectors: (() => void)[] = [];

	constructor() {
		for (const [name, row] of Object.entries(metricTable)) {
			this.#register(name as MetricName, row); // Object.entries forgets the names of keys
		}

		collectDefaultMetrics({register: this.#registry, eventLoopMonitoringPrecision});
	}

	add<N extends NameOf<'counter'>>(name: N, labels: LabelsOf<N>, count = 1): void {
		this.#counters.get(name)?.inc(labels, count);
	}

	set<N extends NameOf<'gauge'>>(name: N, labels: LabelsOf<N>, value: number): void {
		this.#gauges.get(name)?.set(labels, value);
	}

	/** Asks `value` at each scrape: it must be cheap. */
	collect<N extends NameOf<'gauge'>>(name: N, labels: LabelsOf<N>, value: () => number): void {
		this.#collectors.push(() => this.set(name, labels, value()));
	}

	observe<N extends NameOf<'histogram'>>(name: N, labels: LabelsOf<N>, value: number): void {
		this.#histograms.get(name)?.observe(labels, value);
	}

	get contentType(): string {
		return this.#registry.contentType;
	}

	/** Everything in Prometheus' text format. */
	async print(): Promise<string> {
		for (const collect of this.#collectors) {
			collect();
		}

		return await this.#registry.metrics();
	}

	#register(key: MetricName, {name, help, type, labels, buckets = []}: MetricRow): void {
		const options = {name, help, labelNames: [...labels], registers: [this.#registry]};
		switch (type) {
			case 'counter':
				this.#counters.set(key, new Counter(options));
				break;
			case 'gauge':
				this.#gauges.set(key, new Gauge(options));
				break;
			case 'histogram':
				this.#histograms.set(key, new Histogram({...options, buckets: [...buckets]}));
		}
	}
}
