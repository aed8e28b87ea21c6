import { Dialog } from '../design/Dialog';
import { KEYS } from './keys';

/** The list of keys. */
export function KeyHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog title="Keys" open={open} onClose={onClose}>
      <dl className="facts">
        {KEYS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <span className="row">
                {keys.split('  ').map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </span>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
