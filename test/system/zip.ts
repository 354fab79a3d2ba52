import yazl from 'yazl';

/** The same files, the same bytes, whenever they are made. */
const mtime = new Date(2026, 0, 1);

/** A zip file with these files, all executable. */
export async function zip(files: Readonly<Record<string, Buffer | string>>): Promise<Buffer> {
  const archive = new yazl.ZipFile();
  for (const [name, content] of Object.entries(files))
    archive.addBuffer(Buffer.from(content), name, { mode: 0o100755, mtime });
  archive.end();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
