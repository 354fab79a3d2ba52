import assert from 'node:assert/strict';
import test from 'node:test';
import { corsHeaders, preflightHeaders } from './cors.js';

const asked = (origin: string) => [
  ...['Origin', origin, 'Access-Control-Request-Method', 'PUT'],
  ...['access-control-request-headers', 'x-a, x-b'],
];

test('a browser is told what it may', () => {
  const cors = {
    AllowOrigins: ['https://a.example', 'http://localhost:3000'],
    AllowMethods: ['GET', 'PUT'],
    AllowHeaders: ['x-a', 'x-b'],
    ExposeHeaders: ['x-c', 'x-d'],
    MaxAge: 60,
    AllowCredentials: true,
  };
  assert.deepEqual(preflightHeaders(cors, 'OPTIONS', asked('http://localhost:3000')), [
    ...['Access-Control-Allow-Origin', 'http://localhost:3000', 'Vary', 'Origin'],
    ...['Access-Control-Allow-Credentials', 'true', 'Access-Control-Allow-Methods', 'GET,PUT'],
    ...['Access-Control-Allow-Headers', 'x-a,x-b', 'Access-Control-Max-Age', '60'],
  ]);
  assert.deepEqual(preflightHeaders(cors, 'OPTIONS', asked('https://b.example')), [], 'another origin');
  assert.deepEqual(corsHeaders(cors, ['origin', 'https://a.example']), [
    ...['Access-Control-Allow-Origin', 'https://a.example', 'Vary', 'Origin'],
    ...['Access-Control-Allow-Credentials', 'true', 'Access-Control-Expose-Headers', 'x-c,x-d'],
  ]);
  assert.deepEqual(corsHeaders(cors, ['origin', 'https://b.example']), []);
});

test('* means everybody and everything', () => {
  const cors = { AllowOrigins: ['*'], AllowMethods: ['*'], AllowHeaders: ['*'] };
  assert.deepEqual(preflightHeaders(cors, 'OPTIONS', asked('https://x.example')), [
    ...['Access-Control-Allow-Origin', '*', 'Access-Control-Allow-Methods', '*', 'Access-Control-Allow-Headers', '*'],
  ]);
  // Browsers take no * when they send credentials: what they asked for, by name.
  const credentials = preflightHeaders({ ...cors, AllowCredentials: true }, 'OPTIONS', asked('https://x.example'));
  assert.deepEqual(credentials, [
    ...['Access-Control-Allow-Origin', 'https://x.example', 'Vary', 'Origin'],
    ...['Access-Control-Allow-Credentials', 'true', 'Access-Control-Allow-Methods', 'PUT'],
    ...['Access-Control-Allow-Headers', 'x-a, x-b'],
  ]);
});

test('everything else is a request for the function', () => {
  const cors = { AllowOrigins: ['*'] };
  assert.equal(preflightHeaders(null, 'OPTIONS', asked('https://x.example')), null, 'no CORS');
  assert.equal(preflightHeaders(cors, 'GET', asked('https://x.example')), null, 'no OPTIONS');
  assert.equal(preflightHeaders(cors, 'OPTIONS', ['Origin', 'https://x.example']), null, 'no question');
  assert.equal(preflightHeaders(cors, 'OPTIONS', ['Access-Control-Request-Method', 'GET']), null, 'no browser');
  assert.deepEqual(corsHeaders(cors, ['Accept', '*/*']), [], 'no origin');
  assert.deepEqual(corsHeaders({ AllowMethods: ['GET'] }, ['Origin', 'https://x.example']), [], 'nobody may');
});
