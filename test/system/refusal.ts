import { CreateFunctionCommand, type CreateFunctionCommandInput } from '@aws-sdk/client-lambda';
import { ownNode } from './hearth.js';

export const role = 'arn:aws:iam::123456789012:role/test';
export const arn = (rest: string) => `arn:aws:lambda:us-east-1:123456789012:function:${rest}`;

/** `type`: the member `Type` of the body; absent: `User`, and null: none. */
export type Refusal = readonly [
  what: string,
  command: (code: Buffer) => unknown,
  name: string,
  status: number,
  message: string | RegExp,
  type?: null,
];

export const invalid = 'InvalidParameterValueException';
export const notFound = 'ResourceNotFoundException';
export const validation = 'ValidationException';
export const conflict = 'ResourceConflictException';
export const precondition = 'PreconditionFailedException';
export const revision =
  'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id';

export const f = { FunctionName: 'f' };
export const nobody = { FunctionName: 'nobody' };

export function create(code: Buffer, more: Partial<CreateFunctionCommandInput>): CreateFunctionCommand {
  const input = {
    FunctionName: 'new',
    Runtime: ownNode,
    Handler: 'index.handler',
    Role: role,
    Code: { ZipFile: code },
  };
  return new CreateFunctionCommand({ ...input, ...more });
}
