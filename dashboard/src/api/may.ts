import { queryOptions, useQuery } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';

type Question = Schema<'Question'>;
type Answer = Schema<'CanI'>;

/** Questions that the api answers together at most. */
const TOGETHER = 50;

interface Asking {
  question: Question;
  answer: (answer: Answer) => void;
  fail: (error: unknown) => void;
}

/** What is to be asked once everything on the page has said what it wants to know. */
let asking: Asking[] = [];

function ask(question: Question): Promise<Answer> {
  return new Promise((answer, fail) => {
    asking.push({ question, answer, fail });
    if (asking.length === 1) setTimeout(askAll);
  });
}

function askAll(): void {
  const all = asking;
  asking = [];
  for (let from = 0; from < all.length; from += TOGETHER) void askSome(all.slice(from, from + TOGETHER));
}

async function askSome(some: readonly Asking[]): Promise<void> {
  try {
    const body = { questions: some.map(({ question }) => question) };
    const { answers } = await answered(api.POST('/api/auth/can-i', { body }));
    for (const [at, { answer, fail }] of some.entries()) {
      const found = answers[at];
      if (found === undefined) fail(new Error('a question was not answered'));
      else answer(found);
    }
  } catch (error) {
    for (const { fail } of some) fail(error);
  }
}

/** Whether who looks at the page may do something: `action` as `run.cancel`, `object` as `run/<id>`. A page asks all at once. */
export const mayQuery = (action: string, object?: string) =>
  queryOptions({
    queryKey: ['may', action, object],
    queryFn: () => ask({ action, ...(object === undefined ? {} : { object }) }),
    staleTime: 60_000,
  });

/** The command that says which policies decide about it, and who may. */
export function explainCommand(action: string, object?: string): string {
  return `slipway auth explain ${action}${object === undefined ? '' : ` ${object}`}`;
}

/**
 * What to give a button that does it: nothing while they may, and while it is not known (the api decides in any case);
 * else `disabled`, with the command on hover that says who may.
 */
export function useMay(action: string, object?: string): { disabled?: boolean; title?: string } {
  const { data } = useQuery(mayQuery(action, object));
  // Of what is not there, or asked about wrongly, the page says so itself.
  if (data === undefined || data.allowed || data.problem != null) return {};
  return { disabled: true, title: `You may not. Who may: ${explainCommand(action, object)}` };
}
