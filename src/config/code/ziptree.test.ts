import assert from 'node:assert/strict';
import test from 'node:test';
import { ZipTree } from './ziptree.js';

const file = { kind: 'file' } as const;

test('a tree has at most 65,535 entries, names of 255 bytes and paths of 2,048', () => {
  const tree = new ZipTree();
  for (let index = 0; index < 65_535; index += 1) assert.ok(tree.add(`f${index}`, file) !== null);
  assert.equal(tree.add('one-more', file), null);

  assert.ok(new ZipTree().add('n'.repeat(255), file));
  assert.equal(new ZipTree().add('n'.repeat(256), file), null);
  const path = 'n/'.repeat(1_023);
  assert.ok(new ZipTree().add(`${path}nn`, file));
  assert.equal(new ZipTree().add(`${path}nnn`, file), null);
});

test('a path leads through at most 40 links', () => {
  const chain = (links: number) => {
    const tree = new ZipTree();
    tree.add('file', file);
    for (let index = 0; index < links; index += 1) {
      tree.add(`l${index}`, { kind: 'link', target: index === 0 ? 'file' : `l${index - 1}` });
    }
    return tree.linksStayInside();
  };
  assert.equal(chain(40), true);
  assert.equal(chain(41), false);
});
