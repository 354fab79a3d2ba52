import type { LogsFailure } from './logsapi.js';

export interface TextRule {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** As the service model writes it; the whole value must match. */
  readonly pattern?: string;
  readonly values?: readonly string[];
}

export interface NumberRule {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly number[];
}

const tagKey = /^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$/u;
const tagValue = /^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$/u;

/** Reads the members of a request body, collecting everything wrong with them in the service's words. */
export class LogsInput {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #problems: string[] = [];
  /** A value of the wrong JSON type: the service cannot even read the request. */
  #unreadable: string | null = null;

  constructor(body: unknown) {
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
      this.#members = body as Record<string, unknown>;
    } else {
      this.#members = {};
      this.#unreadable = 'Start of structure or map found where not expected.';
    }
  }

  /** The request names this member. */
  has(name: string): boolean {
    return (this.#members[name] ?? undefined) !== undefined;
  }

  text(name: string, rule: TextRule = {}): string | undefined {
    const value = this.#member(name, rule.required);
    if (value === undefined) return undefined;
    return this.#checkText(name, value, rule);
  }

  integer(name: string, rule: NumberRule = {}): number | undefined {
    const value = this.#member(name, rule.required);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') return this.#wrongType(value, 'Long');
    const number = Math.trunc(value);
    if (rule.min !== undefined && number < rule.min) {
      this.#problem(number, name, `have value greater than or equal to ${rule.min}`);
    }
    if (rule.max !== undefined && number > rule.max) {
      this.#problem(number, name, `have value less than or equal to ${rule.max}`);
    }
    if (rule.values !== undefined && !rule.values.includes(number)) {
      this.#problem(number, name, `satisfy enum value set: [${rule.values.join(', ')}]`);
    }
    return number;
  }

  boolean(name: string): boolean | undefined {
    const value = this.#member(name);
    if (value === undefined || typeof value === 'boolean') return value;
    return this.#wrongType(value, 'Boolean');
  }

  texts(name: string, rule: NumberRule & { readonly item?: TextRule }): readonly string[] | undefined {
    return this.list(name, rule)?.map((item, i) => {
      const text = this.#checkText(`${name}.${i + 1}.member`, item, rule.item ?? {});
      return text ?? '';
    });
  }

  list(name: string, rule: NumberRule): readonly unknown[] | undefined {
    const value = this.#member(name, rule.required);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.#wrongType(value, 'List');
    const shown = value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
    this.#checkLength(value, `[${shown.join(', ')}]`, name, rule);
    return value;
  }

  /** A map of tags. */
  map(name: string, rule: NumberRule): Readonly<Record<string, string>> | undefined {
    const value = this.#member(name, rule.required);
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#wrongType(value, 'Map');
    const entries = Object.entries(value);
    for (const [key, text] of entries) {
      if (typeof text !== 'string') return this.#wrongType(text, 'String');
      if (key.length > 128) this.#problem(key, `${name}.member.key`, 'have length less than or equal to 128');
      if (!tagKey.test(key)) {
        this.#problem(key, `${name}.member.key`, `satisfy regular expression pattern: ${tagKey.source}`);
      }
      if (!tagValue.test(text)) {
        this.#problem(text, `${name}.${key}.member`, `satisfy regular expression pattern: ${tagValue.source}`);
      }
      if (text.length > 256) this.#problem(text, `${name}.${key}.member`, 'have length less than or equal to 256');
    }
    this.#checkLength(entries, `{${entries.map(([k, v]) => `${k}=${v}`).join(', ')}}`, name, rule);
    return value as Record<string, string>;
  }

  /** What is wrong with the request so far, or null. */
  failure(): LogsFailure | null {
    if (this.#unreadable !== null) return { code: 'SerializationException', message: this.#unreadable };
    const count = this.#problems.length;
    if (count === 0) return null;
    const message = `${count} validation error${count === 1 ? '' : 's'} detected: ${this.#problems.join('; ')}`;
    return { code: 'InvalidParameterException', message };
  }

  /** Adds a problem found by the operation itself, in the words after "Member must". */
  refuse(value: string | number | null, name: string, must: string): void {
    this.#problem(value, name, must);
  }

  /** JSON null counts as absent, as the service treats it. */
  #member(name: string, required = false): unknown {
    const value = this.#members[name] ?? undefined;
    if (value === undefined && required) this.#problem(null, name, 'not be null');
    return value;
  }

  #checkText(name: string, value: unknown, rule: TextRule): string | undefined {
    if (typeof value !== 'string') return this.#wrongType(value, 'String');
    this.#checkLength(value, value, name, rule);
    if (rule.pattern !== undefined && !new RegExp(`^(?:${rule.pattern})$`, 'u').test(value)) {
      this.#problem(value, name, `satisfy regular expression pattern: ${rule.pattern}`);
    }
    if (rule.values !== undefined && !rule.values.includes(value)) {
      this.#problem(value, name, `satisfy enum value set: [${rule.values.join(', ')}]`);
    }
    return value;
  }

  #checkLength(
    value: { readonly length: number },
    shown: string,
    name: string,
    rule: { readonly min?: number; readonly max?: number },
  ): void {
    if (rule.min !== undefined && value.length < rule.min) {
      this.#problem(shown, name, `have length greater than or equal to ${rule.min}`);
    }
    if (rule.max !== undefined && value.length > rule.max) {
      this.#problem(shown, name, `have length less than or equal to ${rule.max}`);
    }
  }

  #problem(value: string | number | null, name: string, must: string): void {
    const shown = value === null ? 'null' : `'${value}'`;
    this.#problems.push(`Value ${shown} at '${name}' failed to satisfy constraint: Member must ${must}`);
  }

  #wrongType(value: unknown, wanted: string): undefined {
    const kind =
      typeof value === 'boolean'
        ? `${String(value).toUpperCase()}_VALUE`
        : typeof value === 'number'
          ? 'NUMBER_VALUE'
          : typeof value === 'string'
            ? 'STRING_VALUE'
            : null;
    this.#unreadable ??=
      kind === null
        ? 'Start of structure or map found where not expected.'
        : `${kind} cannot be converted to ${wanted}`;
    return undefined;
  }
}
