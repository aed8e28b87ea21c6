import { useState } from 'react';

import type { RunDetail } from '../../api/runs';
import { Button } from '../../design/Button';
import { Section } from '../../design/Page';
import { Table } from '../../design/Table';
import { Time } from '../../design/Time';
import { told } from './told';

/** What is shown before somebody asks for more. */
const FIRST = 8;

/** What happened to it, newest first. */
export function History({ history }: { history: RunDetail['history'] }) {
  const [all, setAll] = useState(false);
  return (
    <Section title="History" flush>
      <Table
        caption="What happened to this run, newest first"
        rows={all ? history : history.slice(0, FIRST)}
        rowKey={(entry) => `${entry.at} ${entry.type} ${entry.step ?? ''}`}
        columns={[
          { key: 'what', label: 'What', main: true, cell: (entry) => entry.type.replace(/[._]/g, ' ') },
          { key: 'step', label: 'Step', cell: (entry) => entry.step },
          { key: 'more', label: 'More', cell: (entry) => told(entry.data) },
          { key: 'by', label: 'By', cell: (entry) => (entry.actor === 'system' ? null : entry.actor) },
          { key: 'when', label: 'When', number: true, cell: (entry) => <Time at={entry.at} /> },
        ]}
      />
      {!all && history.length > FIRST && (
        <footer className="table-foot">
          <Button small onClick={() => setAll(true)}>
            Show all {history.length}
          </Button>
        </footer>
      )}
    </Section>
  );
}
