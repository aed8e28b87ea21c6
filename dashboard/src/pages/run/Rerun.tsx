import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { goldenPath, type Parameter } from '../../api/goldenPaths';
import { useMay } from '../../api/may';
import { isRecord } from '../../api/problem';
import { rerunRun, revealRun, type RunDetail } from '../../api/runs';
import { Button } from '../../design/Button';
import { Skeleton } from '../../design/Empty';
import { Select, TextArea, TextField } from '../../design/Field';
import { Problem } from '../../design/Problem';
import { changed, readInputs, textOf } from './inputs';

/** A new run of the same workflow, in which some inputs are others. */
export function Rerun({ run, onDone }: { run: RunDetail; onDone: () => void }) {
  const query = useQuery({ ...goldenPath(run.workflow, run.provider), retry: false });
  if (query.isPending) return <Skeleton what="the parameters" lines={4} />;
  // A workflow that only other runs start is no golden path; its parameters are not known here.
  return <Form run={run} onDone={onDone} parameters={query.data?.parameters} />;
}

function Form({
  run,
  parameters,
  onDone,
}: {
  run: RunDetail;
  parameters: readonly Parameter[] | undefined;
  onDone: () => void;
}) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [whole, setWhole] = useState('');
  const [before, setBefore] = useState<Record<string, unknown>>({});
  const mayReveal = useMay('run.reveal', `run/${run.id}`);
  const [mistakes, setMistakes] = useState<Record<string, string>>({});
  const navigate = useNavigate();
  const rerun = useAction({
    act: (inputs: Record<string, unknown>) => rerunRun({ id: run.id, inputs }),
    done: (answer) => {
      onDone();
      void navigate({ to: '/runs/$id', params: { id: answer.id } });
      return 'A new run has begun';
    },
    quiet: true,
  });

  const fill = useAction({
    act: () => revealRun(run.id),
    done: ({ inputs }) => {
      const had: Record<string, unknown> = isRecord(inputs) ? inputs : {};
      // What is secret is not put into a field: left alone, it stays what it is.
      const shown = parameters?.filter(({ name, sensitive }) => !sensitive && name in had) ?? [];
      setBefore(had);
      setTexts({ ...Object.fromEntries(shown.map(({ name }) => [name, textOf(had[name])])), ...texts });
      if (parameters === undefined) setWhole(JSON.stringify(had, null, 2));
      return 'It is written down in the audit log that you looked';
    },
  });

  const submit = () => {
    const read = parameters === undefined ? readWhole(whole) : readInputs(parameters, texts);
    setMistakes(read.mistakes);
    if (Object.keys(read.mistakes).length === 0) rerun.mutate(changed(read.inputs, before));
  };

  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <p>What is left empty, or as it was, stays so.</p>
      {parameters?.length !== 0 && (
        <p className="row">
          <Button small busy={fill.isPending} {...mayReveal} onClick={() => fill.mutate()}>
            Fill in what it was given
          </Button>
          <span className="quiet">They may hold secrets: the audit log keeps that you looked.</span>
        </p>
      )}
      {parameters?.map((parameter) => (
        <Input
          key={parameter.name}
          parameter={parameter}
          mistake={mistakes[parameter.name]}
          value={texts[parameter.name] ?? ''}
          onChange={(text) => setTexts({ ...texts, [parameter.name]: text })}
        />
      ))}
      {parameters?.length === 0 && <p className="quiet">It takes no parameters: it runs again as it did.</p>}
      {parameters === undefined && (
        <TextArea
          label="Inputs that change, as JSON"
          placeholder='{"replicas": 3}'
          rows={5}
          value={whole}
          mistake={mistakes['']}
          onChange={(event) => setWhole(event.target.value)}
        />
      )}
      {rerun.isError && <Problem error={rerun.error} />}
      <div className="row dialog-end">
        <Button onClick={onDone}>Not now</Button>
        <Button type="submit" kind="primary" busy={rerun.isPending}>
          Run again
        </Button>
      </div>
    </form>
  );
}

function Input({
  parameter,
  value,
  mistake,
  onChange,
}: {
  parameter: Parameter;
  value: string;
  mistake: string | undefined;
  onChange: (text: string) => void;
}) {
  const label = parameter.name;
  const hint = [parameter.description, parameter.expected].filter((part) => part != null).join('; ');
  const choices = parameter.enum?.map(String) ?? (parameter.type === 'boolean' ? ['true', 'false'] : undefined);
  if (choices !== undefined) {
    const options = [['', 'as it was'] as const, ...choices.map((choice) => [choice, choice] as const)];
    return (
      <Select
        label={label}
        hint={hint}
        mistake={mistake}
        options={options}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  }
  return (
    <TextField
      label={label}
      hint={hint}
      mistake={mistake}
      placeholder="as it was"
      type={parameter.sensitive ? 'password' : 'text'}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

function readWhole(text: string): { inputs: Record<string, unknown>; mistakes: Record<string, string> } {
  if (text.trim() === '') return { inputs: {}, mistakes: {} };
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return { inputs: value, mistakes: {} };
  } catch {
    // Said below.
  }
  return { inputs: {}, mistakes: { '': 'It is no JSON object, as {"replicas": 3}' } };
}
