import type { Preview } from '../api/goldenPaths';
import { Code, Json } from '../design/Facts';
import { Notice } from '../design/Notice';
import { Table, type Column } from '../design/Table';
import { problemsOf, stepsOf, type PlannedStep } from './steps';

const COLUMNS: readonly Column<PlannedStep>[] = [
  {
    key: 'name',
    label: 'Step',
    main: true,
    cell: (step) => (
      <>
        {step.name}
        {step.problems.map((problem) => (
          <span key={problem} className="why" data-tone="bad">
            {problem}
          </span>
        ))}
        {step.condition !== undefined && <span className="cell-2">only if {step.condition}</span>}
      </>
    ),
  },
  { key: 'type', label: 'Type', cell: (step) => step.type },
  { key: 'after', label: 'After', cell: (step) => step.after.join(', ') },
  { key: 'image', label: 'Image', cell: (step) => (step.image === undefined ? null : <code>{step.image}</code>) },
  {
    key: 'may',
    label: 'May',
    cell: (step) => [...step.privileges, ...step.secrets.map((name) => `secret ${name}`)].join(', '),
  },
];

/** What a run would do, step by step. */
export function Plan({ preview }: { preview: Preview }) {
  const steps = stepsOf(preview.plan);
  const problems = problemsOf(preview.plan);
  return (
    <div className="stack">
      <p>
        <strong>{preview.workflow}</strong> of {preview.provider}{' '}
        <span className="number">{preview.provider_version}</span>
        <span className="quiet">, to {preview.operation}</span>
      </p>
      {problems.length > 0 && (
        <Notice tone="bad" title="It could not run as it stands">
          <ul>
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </Notice>
      )}
      <div className="framed">
        <Table
          caption="Steps of the plan, in their order"
          columns={COLUMNS}
          rows={steps}
          rowKey={(step) => step.name}
        />
      </div>
      {steps.map((step) => (
        <details key={step.name}>
          <summary>What {step.name} is given</summary>
          <Given step={step} />
        </details>
      ))}
    </div>
  );
}

function Given({ step }: { step: PlannedStep }) {
  return (
    <div className="stack">
      <Config step={step.name} config={step.config} />
      {step.unknown.length > 0 && <p className="quiet">Known only when it runs: {step.unknown.join(', ')}</p>}
    </div>
  );
}

/** What a step is given: its script as it is, the rest as JSON. */
export function Config({ step, config }: { step: string; config: Readonly<Record<string, unknown>> }) {
  const { script, ...rest } = config;
  return (
    <>
      {typeof script === 'string' && <Code text={script} label={`The script of ${step}`} />}
      {Object.keys(rest).length > 0 && <Json value={rest} label={`The configuration of ${step}`} />}
    </>
  );
}
