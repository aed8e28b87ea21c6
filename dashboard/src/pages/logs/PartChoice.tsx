import { getRouteApi } from '@tanstack/react-router';

import type { RunDetail } from '../../api/runs';
import { Select } from '../../design/Field';

const route = getRouteApi('/runs/$id/logs');

/** Which part of the log is shown: all of it, a step's, one of its tries. */
export function PartChoice({ run }: { run: RunDetail }) {
  const { step, attempt } = route.useSearch();
  const navigate = route.useNavigate();
  const chosen = run.steps.find((it) => it.name === step);
  const known = step === undefined || chosen !== undefined;
  // What a search or a link points at is another place in another part.
  const choose = (part: { step?: string; attempt?: string }) =>
    void navigate({
      search: (before) => ({ ...before, step: '', attempt: '', ...part }),
      hash: '',
      resetScroll: false,
    });
  return (
    <>
      <Select
        label="Step"
        value={step ?? ''}
        options={[
          ['', 'all steps'],
          ...(known ? [] : [[step, step] as const]),
          ...run.steps.map((it) => [it.name, `${it.name} (${it.status})`] as const),
        ]}
        onChange={(event) => choose(event.target.value === '' ? {} : { step: event.target.value })}
      />
      {step !== undefined && chosen !== undefined && (chosen.attempts.length > 1 || attempt !== undefined) && (
        <Select
          label="Try"
          value={attempt ?? ''}
          options={[
            ['', 'all'],
            ...chosen.attempts.map(({ number, status }) => [String(number), `${String(number)} (${status})`] as const),
          ]}
          onChange={(event) => choose(event.target.value === '' ? { step } : { step, attempt: event.target.value })}
        />
      )}
    </>
  );
}
