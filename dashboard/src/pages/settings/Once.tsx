import { Copy } from '../../design/Copy';

/** A secret that can be seen now and never again. */
export function Once({ secret, what, note }: { secret: string | null | undefined; what: string; note?: string }) {
  if (secret == null) return <p>It was made before, and {what} is not shown again.</p>;
  return (
    <>
      <p>Copy {what} now: it is not stored, and not shown again.</p>
      <p className="row once">
        <code>{secret}</code>
        <Copy text={secret} what={what} />
      </p>
      {note !== undefined && <p className="quiet">{note}</p>}
    </>
  );
}
