import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

import type { Workflow } from '../../api/providers';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Facts } from '../../design/Facts';
import { Notice } from '../../design/Notice';
import { Table, type Column } from '../../design/Table';

/** The workflows of a provider, and all about the one that is opened. */
export function Workflows({
  provider,
  workflows,
  opened,
  onOpen,
}: {
  provider: string;
  workflows: readonly Workflow[];
  opened: string | undefined;
  onOpen: (name: string | undefined) => void;
}) {
  if (workflows.length === 0) return <Empty title="It has no workflows">It brings step types for others to use.</Empty>;
  const shown = workflows.find(({ name }) => name === opened);
  const columns: readonly Column<Workflow>[] = [
    {
      key: 'name',
      label: 'Workflow',
      main: true,
      cell: (it) => (
        <>
          <button
            type="button"
            className="link"
            data-row=""
            aria-expanded={it.name === opened}
            onClick={() => onOpen(it.name === opened ? undefined : it.name)}
          >
            {it.name}
          </button>
          <span className="cell-2">{it.description}</span>
          {it.unavailable != null && (
            <span className="why" data-tone="warn">
              {it.unavailable}
            </span>
          )}
        </>
      ),
    },
    {
      key: 'for',
      label: 'For',
      cell: (it) =>
        it.category === 'goldenpath' ? (
          <Link to="/golden-paths/$name" params={{ name: it.name }} search={{ provider }}>
            golden&nbsp;path
          </Link>
        ) : (
          (it.operation ?? it.category)
        ),
    },
    { key: 'steps', label: 'Steps', cell: (it) => it.steps.map(({ name }) => name).join(' → ') },
    { key: 'tags', label: 'Tags', cell: (it) => it.tags.join(', '), wide: true },
    { key: 'version', label: 'Version', cell: (it) => it.version, number: true },
  ];
  return (
    <>
      <Table caption="Workflows of this provider" columns={columns} rows={workflows} rowKey={(it) => it.name} />
      {shown !== undefined && <Opened key={shown.name} workflow={shown} onClose={() => onOpen(undefined)} />}
    </>
  );
}

function Opened({ workflow: it, onClose }: { workflow: Workflow; onClose: () => void }) {
  const box = useRef<HTMLElement>(null);
  // It may have been opened from the table of capabilities, above.
  useEffect(() => {
    box.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <section ref={box} className="opened" aria-label={`Workflow ${it.name}`}>
      <header className="section-head">
        <h2>{it.name}</h2>
        <Button small kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      <div className="section-body">
        {it.unavailable != null && (
          <Notice tone="warn" title="It cannot run on this instance">
            <p>{it.unavailable}</p>
          </Notice>
        )}
        <h3>Parameters</h3>
        {it.parameters.length === 0 ? (
          <p className="quiet">It takes none.</p>
        ) : (
          <Facts facts={it.parameters.map((parameter) => [String(parameter.name), <Told key="" {...parameter} />])} />
        )}
        <h3>Steps</h3>
        <ol>
          {it.steps.map((step) => (
            <li key={step.name}>
              {step.name} <span className="quiet">{step.type}</span>
              {step.depends_on.length > 0 && <span className="quiet">, after {step.depends_on.join(', ')}</span>}
            </li>
          ))}
        </ol>
        <h3>Outputs</h3>
        <p>{it.outputs.length === 0 ? <span className="quiet">It gives none.</span> : it.outputs.join(', ')}</p>
      </div>
    </section>
  );
}

/** What a parameter takes, as its provider wrote it. */
function Told({ type, required, default: otherwise, description, enum: choices }: Record<string, unknown>) {
  const parts = [
    typeof type === 'string' ? type : undefined,
    required === true ? 'must be given' : undefined,
    otherwise === undefined || otherwise === null ? undefined : `else ${JSON.stringify(otherwise)}`,
    Array.isArray(choices) ? `one of ${choices.map(String).join(', ')}` : undefined,
  ].filter((part) => part !== undefined);
  return (
    <>
      <span className="quiet">{parts.join(', ')}</span>
      {typeof description === 'string' && <span className="cell-2">{description}</span>}
    </>
  );
}
