import { CredentialStore } from '../../frontend/signature/credentials.js';
import type { AccountId } from '../../kernel/ids.js';
import { DataFolder } from '../datafolder.js';
import { commonOptions, defineCommand } from './options.js';
import { CommandError, Terminal, table } from './terminal.js';

export const accounts = defineCommand({
  command: 'accounts [action] [id]',
  describe: 'List or add accounts; their functions never see each other',
  builder: (command) =>
    commonOptions(command)
      .positional('action', { choices: ['list', 'add'], default: 'list', describe: 'what to do' })
      .positional('id', { type: 'string', describe: 'account id, 12 digits' })
      .example('hearth accounts add 210987654321', 'a second account with its own key'),
  handler: (options) => {
    const folder = new DataFolder(options.data);
    folder.create();
    const store = CredentialStore.open(folder.path);
    if (options.action === 'add' && !/^\d{12}$/.test(options.id ?? '')) {
      throw new CommandError('hearth accounts add takes an account id of 12 digits', 64);
    }
    const found = options.action === 'add' ? [store.add(options.id as AccountId)] : store.list();
    new Terminal(options.json).result(found, () =>
      table(
        ['ACCOUNT', 'ACCESS KEY ID', 'SECRET ACCESS KEY'],
        found.map((one) => [one.account, one.accessKeyId, one.secretAccessKey]),
      ),
    );
  },
});
