import type { NumberSchema, Schema, StringSchema } from './schema.js';

/** One constraint of a scalar, list or map itself (not of what it contains). */
export interface Constraint {
  /** As AWS words it, from `Member must` on. */
  readonly text: string;
  readonly holds: (value: unknown) => boolean;
}

/**
 * Longer texts are not matched, so that no request buys much time of ours: where the schema has a `max`, only the length
 * is reported then; where it has none, such a text counts as not matching. 64 KiB is beyond every `max` of a pattern in
 * the table, and the slowest pattern takes less than 20 ms for it.
 */
const patternCharsMax = 65_536;

const notNull = 'Member must not be null';

/** Constraints in the order in which AWS lists them: longest, shortest, pattern, enum values. */
export function constraintsOf(schema: Schema): readonly Constraint[] {
  switch (schema.kind) {
    case 'string':
      return [...lengthConstraints(schema), ...textConstraints(schema)];
    case 'blob':
    case 'list':
    case 'map':
      return lengthConstraints(schema);
    case 'integer':
    case 'long':
    case 'double':
      return valueConstraints(schema);
    default:
      return [];
  }
}

/** What every element of a list or value of a map is told to satisfy when one does not. */
export function elementText(constraints: readonly Constraint[]): string {
  return `[${[...constraints.map(({ text }) => text), notNull].join(', ')}]`;
}

function lengthConstraints({ min, max }: { readonly min?: number; readonly max?: number }): readonly Constraint[] {
  const constraints: Constraint[] = [];
  if (max !== undefined) {
    const text = `Member must have length less than or equal to ${max}`;
    constraints.push({ text, holds: (value) => lengthOf(value) <= max });
  }
  // A minimum of 0 can never be violated, but AWS lists it where it lists all constraints.
  if (min !== undefined) {
    const text = `Member must have length greater than or equal to ${min}`;
    constraints.push({ text, holds: (value) => lengthOf(value) >= min });
  }
  return constraints;
}

function textConstraints({ pattern, values, max }: StringSchema): readonly Constraint[] {
  const constraints: Constraint[] = [];
  if (pattern !== undefined) {
    // Java's \p{L} needs JavaScript's u flag, which other patterns of the model are too loosely written for.
    const expression = new RegExp(`^(?:${pattern})$`, pattern.includes('\\p{') ? 'u' : '');
    constraints.push({
      text: `Member must satisfy regular expression pattern: ${pattern}`,
      holds: (value) =>
        (value as string).length > patternCharsMax ? max !== undefined : expression.test(value as string),
    });
  }
  if (values !== undefined) {
    const allowed = new Set<unknown>(values);
    constraints.push({
      text: `Member must satisfy enum value set: [${values.join(', ')}]`,
      holds: (value) => allowed.has(value),
    });
  }
  return constraints;
}

function valueConstraints({ kind, min, max }: NumberSchema): readonly Constraint[] {
  const constraints: Constraint[] = [];
  if (max !== undefined) {
    const text = `Member must have value less than or equal to ${numberText(kind, max)}`;
    constraints.push({ text, holds: (value) => (value as number) <= max });
  }
  if (min !== undefined) {
    const text = `Member must have value greater than or equal to ${numberText(kind, min)}`;
    constraints.push({ text, holds: (value) => (value as number) >= min });
  }
  return constraints;
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value) || Buffer.isBuffer(value)) return value.length;
  return Object.keys(value as object).length;
}

/** Doubles are printed as Java prints them: `1.0`, not `1`. */
function numberText(kind: NumberSchema['kind'], value: number): string {
  return kind === 'double' && Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Whether error texts must not show values of this schema. Bytes are never worth showing. */
export function hidesValue(schema: Schema): boolean {
  switch (schema.kind) {
    case 'blob':
      return true;
    case 'string':
      return schema.sensitive === true;
    case 'list':
      return hidesValue(schema.member);
    case 'map':
      return schema.sensitive === true || hidesValue(schema.key) || hidesValue(schema.value);
    default:
      return false;
  }
}

/** A value as Java prints it inside an error text: `[a, b]`, `{k=v}`, `1.0`. */
export function shownValue(schema: Schema, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  switch (schema.kind) {
    case 'list':
      return `[${(value as readonly unknown[]).map((element) => shownValue(schema.member, element)).join(', ')}]`;
    case 'map':
      return `{${Object.entries(value as object)
        .map(([key, element]) => `${key}=${shownValue(schema.value, element)}`)
        .join(', ')}}`;
    case 'structure':
      return `{${Object.entries(value as object)
        .map(([key, element]) => `${memberPath(key)}=${typeof element === 'object' ? '…' : String(element)}`)
        .join(', ')}}`;
    case 'double':
      return numberText('double', value as number);
    default:
      return String(value);
  }
}

/** Members appear in error texts with a small first letter: `FunctionName` → `functionName`, `KMSKeyArn` → `kMSKeyArn`. */
export function memberPath(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
