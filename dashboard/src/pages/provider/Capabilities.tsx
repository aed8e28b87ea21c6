import type { ProviderDetail } from '../../api/providers';
import { Empty } from '../../design/Empty';
import { Table, type Column } from '../../design/Table';
import { capabilitiesOf, OPERATIONS, type Capability, type Choice } from './capabilities';

/** Which workflow serves which operation of which resource type. */
export function Capabilities({ provider, onOpen }: { provider: ProviderDetail; onOpen: (workflow: string) => void }) {
  const rows = capabilitiesOf(provider.capabilities);
  if (rows.length === 0) {
    return <Empty title="It serves no resource type">It brings step types or golden paths for others to use.</Empty>;
  }
  const columns: readonly Column<Capability>[] = [
    {
      key: 'type',
      label: 'Resource type',
      main: true,
      cell: (it) => (
        <>
          {it.type}
          {it.alias !== undefined && <span className="quiet"> the same as {it.alias}</span>}
        </>
      ),
    },
    ...OPERATIONS.map((operation) => ({
      key: operation,
      label: operation,
      cell: (it: Capability) =>
        it.alias === undefined ? <Choices choices={it.operations[operation]} onOpen={onOpen} /> : null,
    })),
  ];
  return <Table caption="Capabilities, by resource type" columns={columns} rows={rows} rowKey={(it) => it.type} />;
}

function Choices({ choices, onOpen }: { choices: readonly Choice[]; onOpen: (workflow: string) => void }) {
  if (choices.length === 0) return <span className="quiet">—</span>;
  return (
    <ul>
      {choices.map(({ name, tags, byDefault }) => (
        <li key={name}>
          <button type="button" className="link" onClick={() => onOpen(name)}>
            {name}
          </button>
          {tags.length > 0 && <span className="quiet"> for {tags.join(', ')}</span>}
          {byDefault && <span className="quiet"> by default</span>}
        </li>
      ))}
    </ul>
  );
}
