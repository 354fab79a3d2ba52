import assert from 'node:assert/strict';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import type { ObjectFailure } from '../../kernel/ports/objects.js';
import { fail, type Result } from '../../kernel/result.js';
import { caller, codeOf, creation, failure, opened } from '../testservice.js';

test('2 objects are fetched at once, 32 requests wait, more are refused', () =>
  withFolder(async (folder) => {
    const fetching: ((answer: Result<Buffer, ObjectFailure>) => void)[] = [];
    let most = 0;
    const objects = {
      get: () =>
        new Promise<Result<Buffer, ObjectFailure>>((resolve) => {
          most = Math.max(most, fetching.push(resolve));
        }),
    };
    await opened(
      folder,
      async (service) => {
        const create = (name: string) =>
          service.createFunction(caller, creation(name, { Code: { S3Bucket: 'bucket', S3Key: 'k' } }));
        const waiting = Array.from({ length: 34 }, (_, index) => create(`f${index}`));
        assert.equal(failure(await create('one-too-many')), 'TooManyRequestsException: Rate exceeded');
        // Whoever brings the zip along does not wait.
        assert.ok((await service.createFunction(caller, creation('direct', { Code: { ZipFile: codeOf('1') } }))).ok);
        let answered = 0;
        const done = Promise.all(waiting).then((results) => {
          for (const result of results) assert.match(failure(result), /NoSuchKey/);
        });
        while (answered < 34) {
          const next = fetching.shift();
          if (next === undefined) await new Promise((resolve) => setImmediate(resolve));
          else {
            answered++;
            next(fail({ code: 'NoSuchKey', message: '' }));
          }
        }
        await done;
        assert.equal(most, 2);
      },
      undefined,
      { objects },
    );
  }));
