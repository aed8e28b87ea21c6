import createClient, { type Middleware } from 'openapi-fetch';

import { legible } from './legible';
import { ApiProblem } from './problem';
import type { components, paths } from './schema';

/** A schema of the api by its name, as `Schema<'RunView'>`. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

/** The page that begins a session and comes back here. */
export function loginAddress(here: Location): string {
  return `/login?return_to=${encodeURIComponent(here.pathname + here.search)}`;
}

const session: Middleware = {
  onResponse({ response }) {
    // Sessions end; nothing on the page can be trusted to be what one may see now.
    if (response.status === 401) window.location.assign(loginAddress(window.location));
  },
};

/** The api, typed by its own description. Use it through {@link answered}. */
export const api = createClient<paths>({ baseUrl: '/' });
api.use(session, legible);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; an {@link ApiProblem} is thrown for every other outcome. */
export async function answered<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw ApiProblem.unreachable(cause);
  }
  if (!answer.response.ok) throw ApiProblem.of(answer.response, answer.error);
  // 204 and answers without a body: T is undefined then.
  return answer.data as T;
}

/** A key that makes a request count once, however often it is sent. */
export function onceKey(): string {
  return crypto.randomUUID();
}
