import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { DriverError } from '../driver.js';
import { reexecInMountNamespace } from '../reexec.js';
import { Guest, TestFolder } from '../testguest.js';
import { Connector } from './connector.js';
import { ProcessDriver } from './processdriver.js';

reexecInMountNamespace();

describe('connections into a box', () => {
  const folder = new TestFolder();
  let driver: ProcessDriver | null = null;
  let unavailable = '';
  before(async () => {
    driver = await ProcessDriver.open({ stateDirectory: folder.state }).catch((error: unknown) => {
      if (!(error instanceof DriverError)) throw error;
      unavailable = error.message;
      return null;
    });
  });
  after(async () => {
    await driver?.close();
    folder.remove();
  });

  it('reach what listens on its loopback, and nothing else', async (context) => {
    if (driver === null) return context.skip(unavailable);
    const guest = await Guest.boot(driver, 'connected');
    const scratch = await driver.createScratch(512);
    await folder.bind(guest, scratch);
    const port = await guest.run(`
      const server = net.createServer((socket) => socket.on('data', (bytes) => socket.end('inside heard ' + bytes)));
      await new Promise((done) => server.listen(0, '127.0.0.1', done));
      return server.address().port;`);
    const [one, other] = await Promise.all([guest.box.connect(Number(port)), guest.box.connect(Number(port))]);
    other.destroy();
    one.write('us');
    let text = '';
    one.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await once(one, 'end');
    assert.equal(text, 'inside heard us');
    // A port that is open on the machine is none of the box's.
    const outside = createServer().listen(0, '127.0.0.1');
    await once(outside, 'listening');
    await assert.rejects(guest.box.connect((outside.address() as AddressInfo).port), /Connection refused/);
    await guest.box.kill();
    await assert.rejects(guest.box.connect(Number(port)), DriverError);
    await scratch.dispose();
    outside.close();
  });

  it('never reach our own network, whatever process number they are given', async (context) => {
    if (driver === null) return context.skip(unavailable);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connector = new Connector();
    const { port } = server.address() as AddressInfo;
    await assert.rejects(connector.connect(process.pid, port), /No such process/);
    connector.close();
    await assert.rejects(connector.connect(process.pid, port), /closed/);
    server.close();
  });
});
