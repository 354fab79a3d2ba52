/**
 * Counters and histograms of one process, in the text format of Prometheus. Names and label sets are few and fixed by
 * code, never taken from requests, which bounds their number.
 */
export class Metrics {
  readonly #families = new Map<string, { readonly head: string; readonly series: (Counter | Histogram)[] }>();

  /** `labels` as `{route="invoke"}` or empty. Asking twice makes two series: keep what you got. */
  counter(name: string, help: string, labels = ''): Counter {
    return this.#add(name, 'counter', help, new Counter(name, labels));
  }

  /** `bounds`: upper ends of the buckets, ascending, in the unit the name ends with. */
  histogram(name: string, help: string, bounds: readonly number[], labels = ''): Histogram {
    return this.#add(name, 'histogram', help, new Histogram(name, labels, bounds));
  }

  /** The body of `GET /metrics` (content type `text/plain; version=0.0.4`). */
  render(): string {
    let text = '';
    for (const { head, series } of this.#families.values()) text += head + series.map((one) => one.render()).join('');
    return text;
  }

  #add<T extends Counter | Histogram>(name: string, type: string, help: string, series: T): T {
    const head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    const family = this.#families.get(name) ?? { head, series: [] };
    family.series.push(series);
    this.#families.set(name, family);
    return series;
  }
}

export class Counter {
  value = 0;

  constructor(
    readonly name: string,
    readonly labels: string,
  ) {}

  add(amount = 1): void {
    this.value += amount;
  }

  render(): string {
    return `${this.name}${this.labels} ${this.value}\n`;
  }
}

export class Histogram {
  readonly #counts: number[];
  #sum = 0;

  constructor(
    readonly name: string,
    readonly labels: string,
    readonly bounds: readonly number[],
  ) {
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sum += value;
  }

  render(): string {
    const inner = this.labels === '' ? '' : `${this.labels.slice(1, -1)},`;
    let total = 0;
    let text = '';
    for (const [i, count] of this.#counts.entries()) {
      total += count;
      text += `${this.name}_bucket{${inner}le="${this.bounds[i] ?? '+Inf'}"} ${total}\n`;
    }
    return `${text}${this.name}_sum${this.labels} ${this.#sum}\n${this.name}_count${this.labels} ${total}\n`;
  }
}
