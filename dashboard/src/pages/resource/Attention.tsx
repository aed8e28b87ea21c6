import { Link } from '@tanstack/react-router';

import type { ResourceDetail } from '../../api/resources';
import { Notice } from '../../design/Notice';
import { Time } from '../../design/Time';
import { Retry } from './Retry';

/** What one came for, before anything else: why it failed, waits, or cannot be trusted. */
export function Attention({ resource: it }: { resource: ResourceDetail }) {
  const failed = it.state === 'failed' || it.state === 'degraded';
  return (
    <>
      {failed && (
        <Notice tone="bad" title={it.error_code == null ? 'It failed' : `It failed (${it.error_code})`}>
          <p>{it.error_message ?? 'Nothing says why; its last run may.'}</p>
          <p className="row">
            <Retry resource={it} />
            {it.failed_run_id != null && (
              <Link to="/runs/$id" params={{ id: it.failed_run_id }} className="button" data-small>
                The run that failed
              </Link>
            )}
          </p>
        </Notice>
      )}
      {it.state_uncertain_since != null && (
        <Notice tone="bad" title="The state that is kept for it may be older than what is real">
          <p>
            The machine that changed it was lost <Time at={it.state_uncertain_since} />. Compare what is there with the
            kept state below; then bring the right version back, or adopt the resource as it is.
          </p>
        </Notice>
      )}
      {it.uncertain_since != null && (
        <Notice tone="warn" title="An update that did not complete may have changed it">
          <p>
            It broke off <Time at={it.uncertain_since} />. Reconcile it to have it made as it is asked for.
          </p>
        </Notice>
      )}
      {it.current_run_id != null && (
        <Notice tone={it.waiting_reason == null ? 'info' : 'warn'} title="A run works on it">
          <p>{it.waiting_reason ?? 'It says what it does.'}</p>
          <Link to="/runs/$id" params={{ id: it.current_run_id }} className="button" data-small>
            Go to the run
          </Link>
        </Notice>
      )}
      {it.current_run_id == null && it.waiting_reason != null && (
        <Notice tone="warn" title="It waits">
          <p>{it.waiting_reason}</p>
        </Notice>
      )}
    </>
  );
}
