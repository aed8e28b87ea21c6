import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { revealRun, type RunDetail } from '../../api/runs';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { Json } from '../../design/Facts';
import { Section } from '../../design/Page';
import { Problem } from '../../design/Problem';

/** What a run was given and what it gave. What may be secret is fetched when somebody asks, and forgotten with the page. */
export function Values({ run }: { run: RunDetail }) {
  const [asked, setAsked] = useState(false);
  const may = useMay('run.reveal', `run/${run.id}`);
  const reveal = useAction({
    act: () => revealRun(run.id),
    done: () => {
      setAsked(false);
      return 'It is written down in the audit log that you looked';
    },
    quiet: true,
  });
  const shown = reveal.data ?? run;
  const outputs = Object.keys(shown.outputs).length > 0;
  return (
    <Section
      title="Inputs and outputs"
      aside={
        reveal.data === undefined && (
          <Button small {...may} onClick={() => setAsked(true)}>
            Show secrets…
          </Button>
        )
      }
    >
      <h3>Inputs</h3>
      {shown.inputs == null ? (
        <p className="quiet">
          {reveal.data === undefined ? 'Not shown: they may hold secrets.' : 'They are not known yet.'}
        </p>
      ) : (
        <Json value={shown.inputs} label="Inputs" />
      )}
      <h3>Outputs</h3>
      {outputs ? <Json value={shown.outputs} label="Outputs" /> : <p className="quiet">It gave nothing back.</p>}
      <Dialog
        title="Show the secrets of this run?"
        open={asked}
        onClose={() => setAsked(false)}
        actions={
          <>
            <Button onClick={() => setAsked(false)}>Not now</Button>
            <Button kind="primary" busy={reveal.isPending} onClick={() => reveal.mutate()}>
              Show them
            </Button>
          </>
        }
      >
        <p>Its inputs and all of its outputs are shown, on this page alone. The audit log keeps that you looked.</p>
        {reveal.isError && <Problem error={reveal.error} />}
      </Dialog>
    </Section>
  );
}
