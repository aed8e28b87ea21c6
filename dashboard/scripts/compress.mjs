// Writes .br and .gz next to every file of the build that gets smaller by it: the api serves them as they are.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const dist = new URL('../dist/site/', import.meta.url);
const packers = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
  gz: (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

const entries = await readdir(dist, { recursive: true, withFileTypes: true });
const texts = entries.filter((entry) => entry.isFile() && /\.(html|js|css|svg|json|txt)$/.test(entry.name));
for (const { parentPath, name } of texts) {
  const path = `${parentPath}/${name}`;
  const bytes = await readFile(path);
  for (const [suffix, pack] of Object.entries(packers)) {
    const packed = await pack(bytes);
    if (packed.length < bytes.length) await writeFile(`${path}.${suffix}`, packed);
  }
}
console.log(`compressed ${texts.length} files`);
