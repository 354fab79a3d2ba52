import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { constraintsOf, elementText, hidesValue, memberPath, shownValue } from './constraint.js';
import { type Input, type OperationName, operationNames, operations } from './operations.js';
import { fieldOf, type ListSchema, type MapSchema, type Members, type Schema } from './schema.js';

/** Appends to `found` what is wrong with a value that is present; `path` as AWS writes it. */
type Check = (value: unknown, path: string, found: string[]) => void;

/** Values longer than this are cut in error texts, so that no request can make us send it back in full. */
const shownCharsMax = 4_096;
/** Violations of one request beyond this are not looked for: an error text needs a bound. */
const violationsMax = 100;

/**
 * Constraint violations of an input, each worded as AWS words it, in the order of the table; empty when valid.
 * Unlike AWS, at most 100 violations are reported and values are cut after 4,096 characters.
 */
export function validate<Op extends OperationName>(operation: Op, input: Input<Op>): readonly string[] {
  const found: string[] = [];
  inputChecks.get(operation)!(input, '', found);
  return found.length > violationsMax ? found.slice(0, violationsMax) : found;
}

/** The ValidationException for one or more violations. */
export function validationFailure(violations: readonly string[]): ApiFailure {
  const count = violations.length;
  return apiFailure(
    'ValidationException',
    `${count} validation error${count === 1 ? '' : 's'} detected: ${violations.join('; ')}`,
  );
}

function violation(schema: Schema, value: unknown, path: string, constraint: string): string {
  if (hidesValue(schema)) return `Value at '${path}' failed to satisfy constraint: ${constraint}`;
  const shown = shownValue(schema, value);
  const cut = shown.length > shownCharsMax ? `${shown.slice(0, shownCharsMax)}…` : shown;
  return `Value '${cut}' at '${path}' failed to satisfy constraint: ${constraint}`;
}

function missing(path: string): string {
  return `Value null at '${path}' failed to satisfy constraint: Member must not be null`;
}

/** Null when values of the schema cannot violate anything. */
function compile(schema: Schema): Check | null {
  switch (schema.kind) {
    case 'structure':
    case 'eventstream':
      return compileMembers(schema.members);
    case 'list':
      return both(compileOwn(schema), compileElements(schema));
    case 'map':
      return both(compileOwn(schema), compileEntries(schema));
    default:
      return compileOwn(schema);
  }
}

function both(first: Check | null, second: Check | null): Check | null {
  if (first === null || second === null) return first ?? second;
  return (value, path, found) => {
    first(value, path, found);
    second(value, path, found);
  };
}

function compileOwn(schema: Schema): Check | null {
  const constraints = constraintsOf(schema);
  if (constraints.length === 0) return null;
  return (value, path, found) => {
    for (const { text, holds } of constraints) {
      if (!holds(value)) found.push(violation(schema, value, path, text));
    }
  };
}

/** Scalars in a list are judged together, structures one by one as `path.N.member`, counted from 1. */
function compileElements(schema: ListSchema): Check {
  const element = schema.member;
  if (isContainer(element)) {
    const check = compile(element);
    return (value, path, found) => {
      (value as readonly unknown[]).forEach((item, index) => {
        if (found.length > violationsMax) return;
        const itemPath = `${path}.${index + 1}.member`;
        if (item === null) found.push(missing(itemPath));
        else check?.(item, itemPath, found);
      });
    };
  }
  const constraints = constraintsOf(element);
  const text = `Member must satisfy constraint: ${elementText(constraints)}`;
  return (value, path, found) => {
    const bad = (item: unknown) => item === null || constraints.some(({ holds }) => !holds(item));
    if ((value as readonly unknown[]).some(bad)) found.push(violation(schema, value, path, text));
  };
}

/** Keys and scalar values of a map are judged together, structures one by one as `path.KEY.member`. */
function compileEntries(schema: MapSchema): Check {
  const keyConstraints = constraintsOf(schema.key);
  // Recorded: keys with a length are told not to be null (routing weights), others (environment variables) are not.
  const sized = schema.key.kind === 'string' && schema.key.min !== undefined;
  const keyText = `Map keys must satisfy constraint: ${
    sized ? elementText(keyConstraints) : `[${keyConstraints.map(({ text }) => text).join(', ')}]`
  }`;
  const container = isContainer(schema.value);
  const check = container ? compile(schema.value) : null;
  const valueConstraints = container ? [] : constraintsOf(schema.value);
  const valueText = `Map value must satisfy constraint: ${elementText(valueConstraints)}`;
  return (value, path, found) => {
    const entries = Object.entries(value as object) as [string, unknown][];
    if (entries.some(([key]) => keyConstraints.some(({ holds }) => !holds(key)))) {
      found.push(violation(schema, value, path, keyText));
    }
    if (container) {
      for (const [key, item] of entries) {
        if (found.length > violationsMax) return;
        const itemPath = `${path}.${key.slice(0, shownCharsMax)}.member`;
        if (item === null) found.push(missing(itemPath));
        else check?.(item, itemPath, found);
      }
    } else if (entries.some(([, item]) => item === null || valueConstraints.some(({ holds }) => !holds(item)))) {
      found.push(violation(schema, value, path, valueText));
    }
  };
}

function isContainer(schema: Schema): boolean {
  return schema.kind === 'structure' || schema.kind === 'list' || schema.kind === 'map';
}

function compileMembers(members: Members): Check | null {
  const checks = Object.entries(members)
    .map(([name, member]) => {
      const { schema, required } = fieldOf(member);
      return { name, path: memberPath(name), required, check: compile(schema) };
    })
    .filter(({ required, check }) => required || check !== null);
  if (checks.length === 0) return null;
  return (value, prefix, found) => {
    const source = value as Readonly<Record<string, unknown>>;
    for (const { name, path, required, check } of checks) {
      const item = source[name];
      if (item === undefined || item === null) {
        if (required) found.push(missing(prefix === '' ? path : `${prefix}.${path}`));
      } else if (check !== null) {
        check(item, prefix === '' ? path : `${prefix}.${path}`, found);
      }
    }
  };
}

const inputChecks: ReadonlyMap<OperationName, Check> = new Map(
  operationNames.map((name) => [name, compile(operations[name].input) ?? (() => undefined)]),
);
