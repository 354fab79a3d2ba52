// npm start: prepares a fresh clone, then becomes `hearth up` with the arguments after `--`.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

/** `--isolation microvm` or `--isolation=microvm`. */
const machines = /--isolation[= ]microvm( |$)/.test(process.argv.slice(2).join(' '));

try {
  await prepare(machines ? ['run', 'microvm'] : ['run']);
  if (!machines) {
    process.stderr.write(
      '• For a virtual machine around every sandbox: npm start -- --isolation microvm (installs QEMU, builds an image)\n',
    );
  }
} catch (error) {
  process.stderr.write(`Set-up failed: ${error.message}\n`);
  process.exit(1);
}

// The platform gets SIGTERM when this process dies, however it dies.
const child = spawn('setpriv', ['--pdeathsig', 'TERM', join(root, 'bin', 'hearth'), 'up', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // Ctrl-C reaches the child by itself (same terminal); the others are passed on.
  process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
}
child.on('error', (error) => {
  process.stderr.write(`Cannot start: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
