import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { readResource, reconcileResource, type ResourceDetail } from '../../api/resources';
import { Button } from '../../design/Button';
import { Json } from '../../design/Facts';
import { Notice } from '../../design/Notice';
import { Section } from '../../design/Page';
import { Time } from '../../design/Time';

/** Whether what is there is what was made, and how to have that looked at or put right. */
export function Drift({ resource: it }: { resource: ResourceDetail }) {
  const object = `resource/${it.id}`;
  const mayRead = useMay('resource.refresh', object);
  const mayReconcile = useMay('resource.reconcile', object);
  const read = useAction({ act: () => readResource(it.id), done: ({ message }) => message });
  const reconcile = useAction({ act: () => reconcileResource(it.id), done: ({ message }) => message });
  const differs = it.drift_since != null;
  return (
    <Section
      title="Drift"
      aside={
        <span className="row">
          <Button small {...mayRead} busy={read.isPending} onClick={() => read.mutate()}>
            Look now
          </Button>
          <Button
            small
            kind={differs ? 'primary' : 'plain'}
            {...mayReconcile}
            busy={reconcile.isPending}
            onClick={() => reconcile.mutate()}
          >
            Reconcile
          </Button>
        </span>
      }
    >
      {differs ? (
        <Notice tone="warn" title="It differs from what was made">
          <p>
            Found <Time at={it.drift_since} />. Reconcile makes it as it is asked for.
          </p>
        </Notice>
      ) : (
        <p>
          {it.read_at == null ? (
            'Nobody has looked at it since it was made. Its provider can, when it has a workflow for “read”.'
          ) : (
            <>
              It was as it was made when it was last looked at, <Time at={it.read_at} />.
            </>
          )}
        </p>
      )}
      {it.drift != null && <Json value={it.drift} label="What differs" />}
    </Section>
  );
}
