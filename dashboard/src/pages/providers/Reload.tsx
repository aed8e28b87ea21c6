import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { checkProviders, reloadProviders, type Look } from '../../api/providers';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { Notice } from '../../design/Notice';
import { Problem } from '../../design/Problem';
import { count } from '../../design/words';
import { problemLine } from './problems';

/** Loads providers anew, or says what would be wrong with that. */
export function Reload() {
  const [open, setOpen] = useState(false);
  const mayReload = useMay('provider.reload');
  const mayCheck = useMay('provider.validate');
  const check = useAction({ act: checkProviders, quiet: true });
  const reload = useAction({ act: reloadProviders, quiet: true });
  const last = reload.isIdle ? check : reload;
  const begin = () => {
    setOpen(true);
    reload.reset();
    check.mutate();
  };
  return (
    <>
      <Button {...mayCheck} onClick={begin}>
        Reload…
      </Button>
      <Dialog
        title="Reload the providers"
        open={open}
        onClose={() => setOpen(false)}
        wide
        actions={
          <>
            <Button onClick={() => setOpen(false)}>Close</Button>
            <Button
              kind="primary"
              {...mayReload}
              busy={reload.isPending || check.isPending}
              onClick={() => reload.mutate()}
            >
              Reload
            </Button>
          </>
        }
      >
        <p>
          Every source is fetched and every folder read. The new set takes over only when all of it is valid; runs that
          have begun keep what they began with.
        </p>
        <div aria-live="polite" className="stack">
          {last.isPending && (
            <p className="quiet">{reload.isPending ? 'Reloading…' : 'Looking at what is there now…'}</p>
          )}
          {last.isError && <Problem error={last.error} retry={() => last.mutate()} />}
          {last.isSuccess && <Found look={last.data} reloaded={reload.isSuccess} />}
        </div>
      </Dialog>
    </>
  );
}

function Found({ look, reloaded }: { look: Look | undefined; reloaded: boolean }) {
  if (look === undefined) {
    return (
      <Notice tone="info" title="It takes longer">
        <p>It goes on by itself. The sources on this page say when they have been looked at.</p>
      </Notice>
    );
  }
  const providers = `${count(look.providers.length, 'provider')}: ${look.providers.join(', ')}`;
  if (look.valid) {
    return (
      <Notice tone="ok" title={reloaded ? `Set ${String(look.generation)} is loaded` : 'All of it is valid'}>
        <p>{providers}</p>
      </Notice>
    );
  }
  return (
    <>
      <Notice
        tone="bad"
        title={`${count(look.problems.length, 'problem')}: ${reloaded ? 'the set of before stays' : 'a reload would change nothing'}`}
      >
        <ul className="stack">
          {look.problems.map((problem, at) => {
            const { where, message } = problemLine(problem);
            return (
              <li key={at}>
                {where !== undefined && (
                  <>
                    <code>{where}</code>{' '}
                  </>
                )}
                {message}
              </li>
            );
          })}
        </ul>
      </Notice>
      <p className="quiet">{providers}</p>
    </>
  );
}
