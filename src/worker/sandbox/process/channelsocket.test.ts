import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { channelSocket } from './channelsocket.js';

/** Says one word at once, and for each byte that it gets a kibibyte of it; ends with its channel. */
const program = `
const { Socket } = require('node:net');
const { writeSync } = require('node:fs');
const channel = new Socket({ fd: 3 });
writeSync(3, 'early');
channel.on('data', (bytes) => { for (const byte of bytes) channel.write(Buffer.alloc(1024, byte)); });
process.stdout.write('up');
`;

test('what comes before anybody listens and after arrives once, in order, and to its end', {
  timeout: 20_000,
}, async () => {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  try {
    const pipe = child.stdio[3] as Socket;
    const channel = channelSocket(pipe);
    assert.notEqual(channel, pipe, 'this Node has what the one buffer needs');
    await once(child.stdout!, 'data');
    const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(10);
    channel.write(letters);
    // Its bytes are there, and nobody takes them.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const expected = `early${[...letters].map((letter) => letter.repeat(1024)).join('')}`;
    let text = '';
    await new Promise<void>((resolve) => {
      channel.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (text.length >= expected.length) resolve();
      });
    });
    assert.ok(text === expected, `${text.length} of ${expected.length} characters`);
    const closed = once(channel, 'close');
    child.kill('SIGKILL');
    await closed;
  } finally {
    child.kill('SIGKILL');
  }
});
