// Fails when the whole build, every chunk of it, is more than people should have to load.
import { readFile, readdir } from 'node:fs/promises';
import { constants, gzipSync } from 'node:zlib';

const LIMIT_KB = 250;

const dist = new URL('../dist/site/', import.meta.url);
const entries = await readdir(dist, { recursive: true, withFileTypes: true }).catch(() => {
  console.error('there is no build: run `npm run build` first');
  process.exit(1);
});
const sizes = [];
for (const { parentPath, name } of entries.filter((entry) => entry.isFile() && !/\.(br|gz)$/.test(entry.name))) {
  const bytes = await readFile(`${parentPath}/${name}`);
  sizes.push({ name, size: gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }).length });
}
sizes.sort((one, other) => other.size - one.size);
for (const { name, size } of sizes) console.log(`${(size / 1024).toFixed(1).padStart(7)} KB  ${name}`);

const total = sizes.reduce((sum, { size }) => sum + size, 0) / 1024;
console.log(`${total.toFixed(1).padStart(7)} KB  in all, gzip; at most ${LIMIT_KB}`);
if (total > LIMIT_KB) {
  console.error(`the build is ${(total - LIMIT_KB).toFixed(1)} KB too large`);
  process.exit(1);
}
