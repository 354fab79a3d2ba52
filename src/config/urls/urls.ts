import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { functionArn } from '../arns.js';
import { type ConfigEffect, type FunctionState, latest } from '../messages.js';
import type { UrlInput, UrlRecord } from './messages.js';

/** A function has at most one URL, and each of its aliases one more. Pure, part of the function's machine. */
export function stepUrl(state: FunctionState, input: UrlInput): readonly ConfigEffect[] {
  const qualifier = input.qualifier ?? latest;
  const before = state.urls.get(qualifier);
  switch (input.kind) {
    case 'create-url': {
      if (before !== undefined) {
        const what = `for [functionArn = ${functionArn(state.record, input.qualifier)}]`;
        const why = 'Error message:  FunctionUrlConfig exists for this Lambda function';
        return refuse(apiFailure('ResourceConflictException', `Failed to create function url config ${what}. ${why}`));
      }
      if (input.qualifier !== null && !state.aliases.has(input.qualifier)) return refuse(noFunctionForUrl());
      return store({
        id: input.id,
        qualifier,
        authType: input.authType,
        cors: input.cors,
        invokeMode: input.invokeMode,
        createdMs: input.nowMs,
        modifiedMs: input.nowMs,
      });
    }
    case 'update-url':
      if (input.qualifier !== null && !state.aliases.has(input.qualifier)) return refuse(noFunctionForUrl());
      if (before === undefined) return refuse(noUrl());
      return store({
        ...before,
        authType: input.authType ?? before.authType,
        cors: input.cors === undefined ? before.cors : input.cors,
        invokeMode: input.invokeMode ?? before.invokeMode,
        modifiedMs: input.nowMs,
      });
    case 'delete-url':
      if (before === undefined) return refuse(noUrl());
      return [{ kind: 'write', writes: [{ kind: 'url', qualifier, record: null }] }, { kind: 'reply' }];
  }
}

/** As the service says it where a URL is made, changed or listed. */
export function noFunctionForUrl(): ApiFailure {
  return apiFailure('ResourceNotFoundException', 'Function does not exist');
}

/** As the service says it where a URL is read or deleted, whatever is missing. */
export function noUrl(): ApiFailure {
  return apiFailure('ResourceNotFoundException', 'The resource you requested does not exist.');
}

function store(record: UrlRecord): readonly ConfigEffect[] {
  return [
    { kind: 'write', writes: [{ kind: 'url', qualifier: record.qualifier, record }] },
    { kind: 'reply-url', record },
  ];
}

function refuse(failure: ApiFailure): readonly ConfigEffect[] {
  return [{ kind: 'refuse', failure }];
}
