import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { retryResource, type Resource } from '../../api/resources';
import { Button } from '../../design/Button';

/** Has a failed resource tried once more. */
export function Retry({ resource }: { resource: Pick<Resource, 'id' | 'state'> }) {
  const may = useMay('resource.retry', `resource/${resource.id}`);
  const retry = useAction({ act: () => retryResource(resource.id), done: ({ message }) => message });
  if (resource.state !== 'failed') return null;
  return (
    <Button small {...may} busy={retry.isPending} onClick={() => retry.mutate()}>
      Try again
    </Button>
  );
}
