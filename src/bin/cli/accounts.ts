import type { Argv } from 'yargs';
import { CredentialStore } from '../../frontend/credentials.js';
import { DataFolder } from '../datafolder.js';
import { commonOptions } from './options.js';
import { Terminal, table } from './terminal.js';

interface AccountsOptions {
  data: string;
  json: boolean;
  action: string;
  id?: string;
}

export const accounts = {
  command: 'accounts [action] [id]',
  describe: 'List or add accounts; their functions never see each other',
  builder: (command: Argv) =>
    commonOptions(command)
      .positional('action', { choices: ['list', 'add'], default: 'list', describe: 'what to do' })
      .positional('id', { type: 'string', describe: 'account id, 12 digits' })
      .example('hearth accounts add 210987654321', 'a second account with its own key'),
  handler: (options: AccountsOptions) => {
    const folder = new DataFolder(options.data);
    folder.create();
    const store = CredentialStore.open(folder.path);
    const found = options.action === 'add' ? [store.add(options.id)] : store.list();
    new Terminal(options.json).result(found, () =>
      table(
        ['ACCOUNT', 'ACCESS KEY ID', 'SECRET ACCESS KEY'],
        found.map((one) => [one.accountId, one.accessKeyId, one.secretAccessKey]),
      ),
    );
  },
};
