import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { revealOutput, type ResourceDetail } from '../../api/resources';
import { Button } from '../../design/Button';
import { Copy } from '../../design/Copy';
import { Empty } from '../../design/Empty';
import { Section } from '../../design/Page';
import { Table } from '../../design/Table';

/** What it gives. A sensitive output is fetched when somebody asks, and forgotten with the page. */
export function Outputs({ resource: it }: { resource: ResourceDetail }) {
  const names = Object.keys(it.outputs).sort();
  // A new state may have new outputs: what was shown is of before.
  const made = `${it.state_since} ${it.last_run_id ?? ''}`;
  return (
    <Section title="Outputs" flush>
      {names.length === 0 ? (
        <Empty title="It gives nothing yet">
          What its provider gives back is here once it was made: addresses, names, passwords.
        </Empty>
      ) : (
        <Table
          caption={`Outputs of ${it.name}, by name`}
          rows={names}
          rowKey={(name) => name}
          columns={[
            {
              key: 'name',
              label: 'Name',
              main: true,
              cell: (name) => <code>{name}</code>,
            },
            {
              key: 'value',
              label: 'Value',
              cell: (name) =>
                it.sensitive_outputs.includes(name) ? (
                  <Secret key={made} id={it.id} name={name} />
                ) : (
                  <Shown name={name} value={it.outputs[name]} />
                ),
            },
            {
              key: 'placeholder',
              label: 'In a Score file',
              wide: true,
              cell: (name) => <code className="quiet">{`\${resources.${it.name}.${name}}`}</code>,
            },
          ]}
        />
      )}
    </Section>
  );
}

function Shown({ name, value }: { name: string; value: unknown }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return (
    <span className="output">
      <code>{text}</code>
      <Copy text={text} what={name} />
    </span>
  );
}

function Secret({ id, name }: { id: string; name: string }) {
  const [hidden, setHidden] = useState(false);
  const may = useMay('resource.reveal', `resource/${id}`);
  const reveal = useAction({
    act: () => revealOutput({ id, name }),
    done: () => `The audit log keeps that you looked at ${name}`,
  });
  if (reveal.data === undefined || hidden) {
    return (
      <span className="output">
        <code aria-label="hidden">•••</code>
        <Button
          small
          kind="quiet"
          {...may}
          aria-label={`Show ${name}`}
          busy={reveal.isPending}
          onClick={() => {
            setHidden(false);
            reveal.mutate();
          }}
        >
          Show
        </Button>
      </span>
    );
  }
  return (
    <span className="output">
      <Shown name={name} value={reveal.data.value} />
      <Button small kind="quiet" aria-label={`Hide ${name}`} onClick={() => setHidden(true)}>
        Hide
      </Button>
    </span>
  );
}
