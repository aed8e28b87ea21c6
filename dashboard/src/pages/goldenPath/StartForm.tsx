import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { previewGoldenPath, startGoldenPath, type GoldenPathDetail } from '../../api/goldenPaths';
import { useMay } from '../../api/may';
import { asProblem } from '../../api/problem';
import { Button } from '../../design/Button';
import { Skeleton } from '../../design/Empty';
import { TextField } from '../../design/Field';
import { Problem } from '../../design/Problem';
import { Plan } from '../../plan/Plan';
import { ParameterField } from './ParameterField';
import { firstText, readParameters } from './parameters';
import './golden-path.css';

/** Asks for what a golden path takes; shows what it would do, and starts it. */
export function StartForm({ path }: { path: GoldenPathDetail }) {
  const { parameters } = path;
  const [texts, setTexts] = useState<Record<string, string>>(() =>
    Object.fromEntries(parameters.map((it) => [it.name, firstText(it)])),
  );
  const [team, setTeam] = useState('');
  const [mistakes, setMistakes] = useState<Record<string, string>>({});
  const navigate = useNavigate();
  const may = useMay('golden_path.run');
  // What the api says about single values is shown beside them, as what is known here is.
  const told = (error: unknown) => {
    const named = asProblem(error).errors.map(({ path, message }) => [path.split('/')[1] ?? '', message] as const);
    setMistakes(Object.fromEntries(named.filter(([name]) => parameters.some((it) => it.name === name))));
  };
  const preview = useAction({ act: previewGoldenPath, quiet: true });
  const start = useAction({
    act: startGoldenPath,
    done: (id) => {
      void navigate({ to: '/runs/$id', params: { id } });
      return `${path.name} has begun`;
    },
    quiet: true,
  });
  const failed = start.isError ? start : preview;

  const read = (go: 'preview' | 'start') => {
    const { inputs, mistakes: wrong } = readParameters(parameters, texts);
    setMistakes(wrong);
    start.reset();
    const first = parameters.find(({ name }) => wrong[name] !== undefined);
    if (first !== undefined) {
      document.querySelector<HTMLElement>(`[data-parameter="${CSS.escape(first.name)}"] .input`)?.focus();
      return;
    }
    const given = { name: path.name, provider: `${path.provider}@${path.provider_version}`, team: team.trim(), inputs };
    (go === 'preview' ? preview.mutate : start.mutate)(given, { onError: told });
  };

  return (
    <form
      className="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        read('start');
      }}
    >
      {parameters.length === 0 && <p className="quiet">It takes no parameters.</p>}
      <div className="parameters">
        {parameters.map((parameter) => (
          <div key={parameter.name} data-parameter={parameter.name}>
            <ParameterField
              parameter={parameter}
              value={texts[parameter.name] ?? ''}
              mistake={mistakes[parameter.name]}
              onChange={(text) => {
                setTexts({ ...texts, [parameter.name]: text });
                // A plan is of the values that it was made with.
                preview.reset();
              }}
            />
          </div>
        ))}
        <TextField
          label="On whose account"
          hint="The team whose share it uses; when empty, the team default"
          placeholder="default"
          value={team}
          onChange={(event) => setTeam(event.target.value)}
        />
      </div>
      <div className="row">
        <Button type="submit" kind="primary" {...may} busy={start.isPending}>
          Start
        </Button>
        <Button {...may} busy={preview.isPending} onClick={() => read('preview')}>
          Preview
        </Button>
        <span className="quiet">A preview runs nothing.</span>
      </div>
      <div aria-live="polite" className="stack">
        {preview.isPending && <Skeleton what="the plan" lines={4} />}
        {failed.isError && <Problem error={failed.error} />}
        {preview.data !== undefined && <Plan preview={preview.data} />}
      </div>
    </form>
  );
}
