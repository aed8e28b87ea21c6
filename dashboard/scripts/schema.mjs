// Writes src/api/schema.d.ts from openapi.json. With a file as argument, takes that description first:
//   curl -H "Authorization: Bearer $SLIPWAY_API_KEY" $SLIPWAY_URL/api/openapi.json >/tmp/api.json && npm run schema /tmp/api.json
import { readFile, writeFile } from 'node:fs/promises';
import openapi, { astToString } from 'openapi-typescript';

const kept = new URL('../openapi.json', import.meta.url);
const types = new URL('../src/api/schema.d.ts', import.meta.url);

const description = JSON.parse(await readFile(process.argv[2] ?? kept, 'utf8'));
await writeFile(kept, `${JSON.stringify(description, null, 2)}\n`);

// Operations are known by method and path here; types by operation id would mix up those that share one.
for (const methods of Object.values(description.paths)) {
  for (const operation of Object.values(methods)) delete operation.operationId;
}
// An object of which the description says no more holds something unknown, not nothing.
const written = astToString(await openapi(description)).replaceAll('Record<string, never>', 'Record<string, unknown>');
await writeFile(types, `// Written by \`npm run schema\` from openapi.json: not to be edited.\n${written}`);
