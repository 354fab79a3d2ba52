import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { DriverError } from '../../worker/sandbox/driver.js';
import { Qmp } from './qmp.js';

/** A monitor's end of the connection: what was written to it, and what it says. */
class Monitor extends Duplex {
  readonly commands: { execute: string }[] = [];

  constructor(private readonly answer: (command: string) => string = () => '') {
    super();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    for (const line of chunk.toString().split('\n').filter(Boolean)) {
      const command = JSON.parse(line) as { execute: string };
      this.commands.push(command);
      const answer = this.answer(command.execute);
      if (answer) this.push(answer);
    }
    done();
  }
}

const greeting = '{"QMP": {"version": {}, "capabilities": ["oob"]}}\r\n';

describe('a QMP connection', { timeout: 20_000 }, () => {
  it('matches answers with commands, across pieces, and passes events on', async () => {
    const monitor = new Monitor();
    const qmp = new Qmp(monitor);
    const events: string[] = [];
    qmp.onEvent = ({ event }) => events.push(event);
    monitor.push(greeting);
    const version = qmp.execute('query-version', {});
    const stop = qmp.execute('stop', {});
    monitor.push('{"return": {"qemu": {"maj');
    monitor.push('or": 7, "minor": 2, "micro": 22}, "package": ""}}\r\n');
    assert.deepEqual(await version, { qemu: { major: 7, minor: 2, micro: 22 }, package: '' });
    monitor.push('{"event": "STOP", "timestamp": {}}\r\n{"return": {}}\r\n');
    assert.deepEqual(await stop, {});
    assert.deepEqual(
      monitor.commands.map(({ execute }) => execute),
      ['query-version', 'stop'],
    );
    assert.deepEqual(events, ['STOP']);
  });

  it('rejects a refused command with its words, and goes on', async () => {
    const monitor = new Monitor((command) =>
      command === 'stop' ? '{"error": {"class": "GenericError", "desc": "not now"}}\n' : '{"return": {}}\n',
    );
    const qmp = new Qmp(monitor);
    await assert.rejects(qmp.execute('stop', {}), { name: 'DriverError', message: 'stop: not now' });
    assert.deepEqual(await qmp.execute('cont', {}), {});
  });

  it('waits only so long', async () => {
    const qmp = new Qmp(new Monitor(), 50);
    await assert.rejects(qmp.execute('stop', {}), /no answer to stop for 0.05 s/);
    await assert.rejects(qmp.execute('cont', {}), DriverError);
  });

  for (const [what, text] of Object.entries({
    'no JSON': 'hello\n',
    'no object': '7\n',
    'an answer to nothing': '{"return": {}}\n{"return": {}}\n',
    'a line without end': 'x'.repeat(70_000),
  })) {
    it(`ends with ${what}`, async () => {
      const monitor = new Monitor();
      const qmp = new Qmp(monitor);
      const stop = qmp.execute('stop', {});
      stop.catch(() => {});
      monitor.push(text);
      await new Promise((resolve) => monitor.once('close', resolve));
      await assert.rejects(qmp.execute('cont', {}), DriverError);
    });
  }

  it('rejects what waits when the monitor ends, or is told to', async () => {
    const monitor = new Monitor();
    const qmp = new Qmp(monitor);
    const stop = qmp.execute('stop', {});
    monitor.push(null);
    await assert.rejects(stop, /it ended/);
    const other = new Qmp(new Monitor());
    const waiting = other.execute('stop', {});
    other.fail('killed');
    other.fail('again');
    await assert.rejects(waiting, /killed/);
  });

  it('takes only so many commands at once', async () => {
    const qmp = new Qmp(new Monitor());
    const waiting = Array.from({ length: 64 }, () => qmp.execute('stop', {}));
    for (const one of waiting) one.catch(() => {});
    await assert.rejects(qmp.execute('stop', {}), /64 commands wait/);
    qmp.fail('end of the test');
  });
});
