import { Link } from '@tanstack/react-router';

import type { ApplicationDetail } from '../../api/applications';
import { Notice } from '../../design/Notice';
import { Time } from '../../design/Time';
import { Retry } from '../resource/Retry';

/** What one came for, before anything else: what failed and why, or that it goes. */
export function Attention({ application: it }: { application: ApplicationDetail }) {
  const failed = it.items.filter(({ state }) => state === 'failed' || state === 'degraded');
  return (
    <>
      {it.deleted_at != null && (
        <Notice tone="idle" title="It is deleted">
          <p>
            Its last resource was gone <Time at={it.deleted_at} />. What is shown is what it was.
          </p>
        </Notice>
      )}
      {it.deleted_at == null && it.delete_requested_at != null && (
        <Notice tone="warn" title="It is being deleted">
          <p>
            Asked for <Time at={it.delete_requested_at} />. Its resources go one after the other, what rests on them
            first.
          </p>
        </Notice>
      )}
      {it.expiry_blocked_at != null && (
        <Notice tone="warn" title="Its time is up, and its protection keeps it">
          <p>
            It was <Time at={it.expiry_blocked_at} />. Give it another time to live, or lift the protection.
          </p>
        </Notice>
      )}
      {failed.map((resource) => (
        <Notice
          key={resource.id}
          tone="bad"
          title={
            <>
              {resource.name} {resource.state === 'failed' ? 'failed' : 'is degraded'}
              {resource.error_code != null && ` (${resource.error_code})`}
            </>
          }
        >
          <p>{resource.error_message ?? 'Nothing says why; its last run may.'}</p>
          <p className="row">
            <Retry resource={resource} />
            {resource.failed_run_id != null && (
              <Link to="/runs/$id" params={{ id: resource.failed_run_id }} className="button" data-small>
                The run that failed
              </Link>
            )}
          </p>
        </Notice>
      ))}
    </>
  );
}
