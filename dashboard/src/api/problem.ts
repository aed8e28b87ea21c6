import type { components } from './schema';

type Details = components['schemas']['ProblemDetails'];
export type InputError = components['schemas']['InputError'];

/** What the api answers instead of what was asked for (RFC 9457), or why it did not answer. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';

  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
    /** The last part of the problem's `type`, as `not-found`. */
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    /** To find the request in the api's log by. */
    readonly requestId: string | undefined,
    readonly errors: readonly InputError[],
    /** Members that only this kind of problem has. */
    readonly more: Readonly<Record<string, unknown>>,
  ) {
    super(`${title}: ${detail}`);
  }

  /** Whether asking again later may help. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** From the body of an answer that is an error. Proxies answer with bodies of their own, so nothing is taken for granted. */
  static of(response: Response, body: unknown): ApiProblem {
    const known: Partial<Details> & Record<string, unknown> = isRecord(body) ? body : {};
    const { type, title, detail, request_id: requestId, errors, ...more } = known;
    return new ApiProblem(
      response.status,
      typeof type === 'string' ? (type.split('/').at(-1) ?? type) : 'error',
      title ?? (response.statusText || `The server answered ${String(response.status)}`),
      detail ?? 'What answered does not seem to be Slipway: look at what stands in front of it.',
      requestId ?? response.headers.get('x-request-id') ?? undefined,
      errors ?? [],
      more,
    );
  }

  /** What somebody wrote into a field cannot be read, so the api is not asked. */
  static mistake(field: string, message: string): ApiProblem {
    const errors = [{ code: 'invalid_value', path: `/${field}`, message }];
    return new ApiProblem(422, 'mistake', 'It cannot be read', message, undefined, errors, {});
  }

  /** No answer: the network, the browser, or a server that is down. */
  static unreachable(cause: unknown): ApiProblem {
    const why = cause instanceof Error ? ` (${cause.message})` : '';
    const detail = `No answer came${why}. Is the api running?`;
    return new ApiProblem(0, 'unreachable', 'Slipway cannot be reached', detail, undefined, [], {});
  }
}

/** Whatever was thrown, as a problem that can be shown. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiProblem(0, 'page-error', 'This page has failed', detail, undefined, [], {});
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
