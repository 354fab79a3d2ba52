import { type IamFailure, iamLimits } from './entity.js';

/** Parameters of one request of the query protocol. Readers throw IamProblem for what IAM refuses. */
export class Form {
  readonly #values: URLSearchParams;

  constructor(values: URLSearchParams) {
    this.#values = values;
  }

  optional(name: string): string | null {
    return this.#values.get(name);
  }

  required(name: string): string {
    const value = this.#values.get(name);
    if (value === null || value === '') {
      throw new IamProblem(
        'ValidationError',
        `1 validation error detected: Value at '${lowerFirst(name)}' failed to satisfy constraint: Member must not be null`,
      );
    }
    return value;
  }

  /** Names of roles and policies: `[\w+=,.@-]+`, at most `charactersMax` (64 for roles, 128 for policies). */
  name(parameter: string, charactersMax: number): string {
    const value = this.required(parameter);
    const start = `1 validation error detected: Value '${value}' at '${lowerFirst(parameter)}' failed to satisfy constraint: Member must`;
    if (value.length > charactersMax) {
      throw new IamProblem('ValidationError', `${start} have length less than or equal to ${charactersMax}`);
    }
    if (!/^[\w+=,.@-]+$/.test(value)) {
      throw new IamProblem('ValidationError', `${start} satisfy regular expression pattern: [\\w+=,.@-]+`);
    }
    return value;
  }

  path(): string {
    const value = this.#values.get('Path') ?? '/';
    if (!/^\/([\x21-\x7e]+\/)?$/.test(value) || value.length > 512) {
      throw new IamProblem(
        'ValidationError',
        `The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.`,
      );
    }
    return value;
  }

  /** A policy: an object of JSON with statements. What they say is not looked at: nothing here depends on it. */
  policy(parameter: string, charactersMax: number): string {
    const text = this.required(parameter);
    if (text.length > charactersMax) {
      throw new IamProblem('LimitExceeded', `Cannot exceed quota for PolicySize: ${charactersMax}`);
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new IamProblem('MalformedPolicyDocument', 'Syntax errors in policy.');
    }
    if (typeof value !== 'object' || value === null || !('Statement' in value)) {
      throw new IamProblem('MalformedPolicyDocument', 'Missing required field Statement');
    }
    return text;
  }

  /** `Tags.member.1.Key`, … */
  tags(): Record<string, string> {
    const tags: Record<string, string> = {};
    for (let index = 1; ; index++) {
      const key = this.#values.get(`Tags.member.${index}.Key`);
      if (key === null) break;
      tags[key] = this.#values.get(`Tags.member.${index}.Value`) ?? '';
    }
    if (Object.keys(tags).length > iamLimits.tagsMax) {
      throw new IamProblem('LimitExceeded', `Cannot exceed quota for TagsPerRole: ${iamLimits.tagsMax}`);
    }
    return tags;
  }

  /** `TagKeys.member.1`, … */
  list(parameter: string): string[] {
    const found: string[] = [];
    for (let index = 1; ; index++) {
      const value = this.#values.get(`${parameter}.member.${index}`);
      if (value === null) return found;
      found.push(value);
    }
  }
}

/** Ends an operation with an error for the client. */
export class IamProblem extends Error {
  override readonly name = 'IamProblem';
  constructor(
    readonly code: IamFailure['code'],
    message: string,
  ) {
    super(message);
  }
}

const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
