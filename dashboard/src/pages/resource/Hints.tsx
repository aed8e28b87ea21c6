import type { ResourceDetail } from '../../api/resources';
import { Command } from '../../design/Copy';
import { Facts } from '../../design/Facts';
import { Section } from '../../design/Page';
import { hintsFor } from './hints';

/** Where to go on from here. */
export function Hints({ resource }: { resource: ResourceDetail }) {
  return (
    <Section title="Hints">
      <Facts
        facts={hintsFor(resource).map((hint) =>
          hint.kind === 'link'
            ? [
                hint.name,
                <a key="" href={hint.address} target="_blank" rel="noopener noreferrer">
                  {hint.address}
                </a>,
              ]
            : [hint.what, <Command key="">{hint.command}</Command>],
        )}
      />
    </Section>
  );
}
