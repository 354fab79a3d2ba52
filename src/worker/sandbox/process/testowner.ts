import { reexecInMountNamespace } from '../reexec.js';
import { Guest, TestFolder } from '../testguest.js';
import { ProcessDriver } from './processdriver.js';

// For leftovers.test.ts: a platform process with boxes in every state; says so and waits to be killed.
reexecInMountNamespace();
const folder = new TestFolder();
const driver = await ProcessDriver.open({ stateDirectory: process.argv[2]! });
const running = await Guest.boot(driver, 'running');
await folder.bind(running, await driver.createScratch(512));
await running.run(`cp.spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore' }).unref()`);
const frozen = await Guest.boot(driver, 'frozen');
await folder.bind(frozen, await driver.createScratch(512));
frozen.box.freeze();
await driver.boot({ boxId: 'waiting', runtime: { name: 'provided', mounts: [], command: null, environment: {} } });
folder.remove();
process.stdout.write('ready\n');
setInterval(() => {}, 60_000);
