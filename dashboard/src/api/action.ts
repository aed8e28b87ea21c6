import { useMutation, useQueryClient } from '@tanstack/react-query';

import { say, sayProblem } from '../design/Toast';

/**
 * Something that a person does: `act` does it, `done` says what came of it. Afterwards all that is shown is asked for
 * again, because what changed is seen in more places than the page knows of. Why it did not work is said in the corner,
 * unless `quiet`: then whoever calls shows `error`.
 */
export function useAction<Given = void, Answer = unknown>({
  act,
  done,
  quiet = false,
}: {
  act: (given: Given) => Promise<Answer>;
  done?: (answer: Answer, given: Given) => string | undefined;
  quiet?: boolean;
}) {
  const client = useQueryClient();
  return useMutation<Answer, Error, Given>({
    mutationFn: act,
    onSuccess: (answer, given) => {
      const words = done?.(answer, given);
      if (words !== undefined) say('ok', words);
    },
    onError: (error) => {
      if (!quiet) sayProblem(error);
    },
    onSettled: () => client.invalidateQueries(),
  });
}
