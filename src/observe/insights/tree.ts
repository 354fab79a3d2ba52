/** Where something stands in the query: characters from 0, the end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type Arithmetic = '+' | '-' | '*' | '/' | '%' | '^';

/** What `like` looks for: a part of the text, or a match of the expression. */
export type LikePattern = { readonly kind: 'text'; readonly text: string } | Regex;

export interface Regex extends Span {
  readonly kind: 'regex';
  /** As RE2 reads it. */
  readonly source: string;
  /** Its capturing groups in order; null: without a name. */
  readonly groups: readonly (string | null)[];
}

export type Expression =
  | (Span & { readonly kind: 'number'; readonly value: number; readonly text: string })
  | (Span & { readonly kind: 'text'; readonly text: string })
  /** `5m` in `bin(5m)`. `months` are calendar months; all other units have a fixed length. */
  | (Span & { readonly kind: 'period'; readonly ms: number; readonly months: number })
  | (Span & { readonly kind: 'field'; readonly name: string })
  | (Span & {
      readonly kind: 'call';
      readonly name: string;
      readonly args: readonly Expression[];
      readonly star: boolean;
    })
  | (Span & { readonly kind: 'negate'; readonly operand: Expression })
  | (Span & {
      readonly kind: 'arithmetic';
      readonly operator: Arithmetic;
      readonly left: Expression;
      readonly right: Expression;
    })
  | (Span & {
      readonly kind: 'compare';
      readonly operator: Comparison;
      readonly left: Expression;
      readonly right: Expression;
    })
  | (Span & {
      readonly kind: 'like';
      readonly operand: Expression;
      readonly pattern: LikePattern;
      readonly negated: boolean;
    })
  | (Span & {
      readonly kind: 'in';
      readonly operand: Expression;
      readonly values: readonly Expression[];
      readonly negated: boolean;
    })
  | (Span & { readonly kind: 'not'; readonly operand: Expression })
  | (Span & { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression });

/** An expression and the name of its column: the alias, or else the field's name or the expression's own text. */
export interface Column {
  readonly expression: Expression;
  readonly name: string;
  readonly aliased: boolean;
}

export type Command =
  | { readonly kind: 'fields' | 'display'; readonly columns: readonly Column[] }
  | { readonly kind: 'filter'; readonly condition: Expression }
  | { readonly kind: 'stats'; readonly aggregates: readonly Column[]; readonly by: readonly Column[] }
  | {
      readonly kind: 'sort';
      readonly keys: readonly { readonly expression: Expression; readonly ascending: boolean }[];
    }
  | { readonly kind: 'limit'; readonly count: number }
  | { readonly kind: 'dedup'; readonly keys: readonly Expression[] }
  | {
      readonly kind: 'parse';
      readonly operand: Expression;
      readonly regex: Regex;
      /** An empty capture is a value (globs), or none (groups that took no part in the match). */
      readonly keepsEmpty: boolean;
      readonly names: readonly (Span & { readonly name: string; readonly group: number })[];
    };

export interface Query {
  readonly text: string;
  readonly commands: readonly Command[];
}
