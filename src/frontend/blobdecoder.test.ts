import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { kib } from '../kernel/units.js';
import { parseInput, type RawRequest } from '../wire/lambda/input.js';
import type { OperationName } from '../wire/lambda/operations.js';
import { liftBlob } from './blobdecoder.js';

/** Parses the body with the blob taken out and without; both must come to the same. */
async function parsed(operation: OperationName, text: string, bytesMin = 1): Promise<unknown> {
  const request: RawRequest = { pathParameters: {}, query: null, headers: {}, body: Buffer.from(text) };
  const lifted = await liftBlob(request.body, bytesMin);
  const result = parseInput(operation, { ...request, lifted });
  assert.deepEqual(result, parseInput(operation, request));
  return { lifted: lifted !== null, value: result.ok ? result.value : result.failure.code };
}

test('a large zip comes out of the body as it does when all is parsed at once', async () => {
  const zip = randomBytes(1_500 * kib);
  const Code = { ZipFile: zip.toString('base64') };
  const text = JSON.stringify({ FunctionName: 'f', Code, Description: 'd' }, null, 2);
  const expected = { lifted: true, value: { FunctionName: 'f', Code: { ZipFile: zip }, Description: 'd' } };
  assert.deepEqual(await parsed('CreateFunction', text, 256 * kib), expected);
  const content = JSON.stringify({ Content: { ZipFile: zip.toString('base64url') } });
  assert.deepEqual(await parsed('PublishLayerVersion', content, 256 * kib), {
    lifted: true,
    value: { LayerName: '', Content: { ZipFile: zip } },
  });
  const update = `{"ZipFile" :\t"${Code.ZipFile}"}`;
  assert.deepEqual(await parsed('UpdateFunctionCode', update), {
    lifted: true,
    value: { FunctionName: '', ZipFile: zip },
  });
  assert.equal(
    ((await parsed('UpdateFunctionCode', '{"ZipFile":"QUJD"}', 256 * kib)) as { lifted: boolean }).lifted,
    false,
  );
});

test('what only looks like the zip, or is no base64, is what the body says', async () => {
  const create = async (text: string) => ((await parsed('CreateFunction', text)) as { value: unknown }).value;
  const zip = '"ZipFile":"QUJD"';
  assert.deepEqual(await create(`{"Tags":{"ZipFile":"x"},"Code":{${zip}}}`), {
    Tags: { ZipFile: 'x' },
    Code: { ZipFile: Buffer.from('ABC') },
  });
  assert.deepEqual(await create(`{"Description":"\\"ZipFile\\":\\"x\\"","Code":{${zip}}}`), {
    Description: '"ZipFile":"x"',
    Code: { ZipFile: Buffer.from('ABC') },
  });
  assert.deepEqual(await create(`{"Description":"ZipFile","Code":{${zip}}}`), {
    Description: 'ZipFile',
    Code: { ZipFile: Buffer.from('ABC') },
  });
  // Of two, the last one counts, as in JSON.parse; escapes are undone.
  assert.deepEqual(await create(`{"Code":{${zip},"ZipFile":"WFla"}}`), { Code: { ZipFile: Buffer.from('XYZ') } });
  assert.deepEqual(await create('{"Code":{"ZipFile":"\\/\\/\\/\\/"}}'), { Code: { ZipFile: Buffer.alloc(3, 0xff) } });
  for (const wrong of ['QUJ!', 'QQ==QUJD', 'Q', '====', 'ü']) {
    await create(`{"Code":{"ZipFile":"${wrong}"}}`);
  }
  const broken = `{"Code":{"ZipFile":"${'QQ=='.repeat(200 * kib)}"}}`;
  assert.deepEqual(await parsed('CreateFunction', broken), { lifted: false, value: 'SerializationException' });
  assert.equal(await create(`{"Code":{${zip}}`), 'InvalidRequestContentException');
  assert.equal(await create(`{"Code":{"ZipFile":"QUJD`), 'InvalidRequestContentException');
});

test('for any body the answer is the same', async () => {
  const piece = fc.constantFrom(
    ...[
      '"ZipFile"',
      '"Code"',
      '"Content"',
      '{',
      '}',
      ':',
      ',',
      '"',
      '\\',
      ' ',
      'QUJD',
      '=',
      '"QQ=="',
      '[',
      ']',
      'null',
      '1',
    ],
  );
  const near = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  const value = fc.oneof(fc.base64String(), fc.string(), fc.constant(null));
  const body = fc
    .record({
      Code: fc.dictionary(fc.constantFrom('ZipFile', 'S3Key'), value),
      ZipFile: value,
      Tags: fc.dictionary(fc.constantFrom('ZipFile', 'x'), value),
    })
    .map((json) => JSON.stringify(json));
  await fc.assert(
    fc.asyncProperty(fc.oneof(near, body), async (text) => {
      for (const operation of ['CreateFunction', 'UpdateFunctionCode', 'PublishLayerVersion'] as const) {
        await parsed(operation, text);
      }
    }),
    { numRuns: 300 },
  );
});
