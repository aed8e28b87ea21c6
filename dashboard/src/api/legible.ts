import type { Middleware } from 'openapi-fetch';

/** Marks that turn the direction of all that is written after them: a name that holds one looks like another name. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;

/** The text with such marks written out, as logs write them. */
export function writtenOut(text: string): string {
  return text.replace(TURNS, (mark) => `⟨U+${mark.charCodeAt(0).toString(16).toUpperCase()}⟩`);
}

/** Writes them out in all that the api answers: names, errors and outputs are others' words. */
export const legible: Middleware = {
  async onResponse({ request, response }) {
    const kind = response.headers.get('content-type') ?? '';
    // Lines of logs show what they hold at its place, where a search finds it.
    if (!/[/+]json\b/.test(kind) || new URL(request.url).pathname.includes('/logs')) return undefined;
    return new Response(writtenOut(await response.text()), response);
  },
};
