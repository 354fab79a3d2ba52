export type Part = 'counting' | 'assignment' | 'placement' | 'async' | 'worker' | 'sim';

/** Inputs kept for the report of a violation. */
const keptMax = 60;

/** A fingerprint of every input of every machine in order (two FNV-1a lanes), and the last few of them. */
export class Trace {
  steps = 0;
  #low = 0x811c9dc5;
  #high = 0x1b873593;
  readonly #kept: { readonly part: Part; readonly input: object }[] = [];

  record(part: Part, input: object): void {
    this.#kept[this.steps % keptMax] = { part, input };
    this.steps += 1;
    this.#text(part);
    this.#value(input);
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0');
  }

  /** Oldest first. */
  last(): string[] {
    const lines: string[] = [];
    for (let step = Math.max(0, this.steps - keptMax); step < this.steps; step += 1) {
      const { part, input } = this.#kept[step % keptMax]!;
      lines.push(`${step + 1} ${part} ${JSON.stringify(input)}`);
    }
    return lines;
  }

  #value(value: unknown): void {
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') {
      this.#mix(value | 0);
      this.#mix((value / 2 ** 32) | 0);
    } else if (typeof value === 'object' && value !== null) {
      for (const key in value) this.#value((value as Record<string, unknown>)[key]);
    } else this.#mix(value === true ? 1 : value === false ? 2 : 3);
  }

  #text(text: string): void {
    let low = this.#low;
    for (let index = 0; index < text.length; index += 1) low = Math.imul(low ^ text.charCodeAt(index), 0x01000193);
    this.#low = low;
    this.#high = Math.imul(this.#high ^ low, 0x85ebca6b) ^ text.length;
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul(this.#high ^ this.#low, 0x85ebca6b);
  }
}
