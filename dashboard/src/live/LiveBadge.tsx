import { Time } from '../design/Time';
import { Icon } from '../design/Icon';
import { togglePause, useLiveState } from './live';
import './live.css';

const MEANINGS = {
  Live: 'What happens is shown as it happens',
  Polling: 'There is no stream of events just now, so it is asked every few seconds',
  Stale: 'No answer comes; what is shown may be old',
  Paused: 'It stands still until you go on',
};

/** Whether what is shown is of now, and the switch that lets it stand still. */
export function LiveBadge() {
  const { paused, failing, heardAt, stream } = useLiveState();
  const told = stream !== 'refused' && stream !== 'lost';
  const word = paused ? 'Paused' : failing ? 'Stale' : told ? 'Live' : 'Polling';
  return (
    <div className="live" data-state={word.toLowerCase()}>
      <span className="live-word" role="status" title={MEANINGS[word]}>
        {word}
        {(word === 'Paused' || word === 'Stale') && heardAt !== undefined && (
          <span className="live-since">
            {', as of '}
            <Time at={new Date(heardAt).toISOString()} />
          </span>
        )}
      </span>
      <button
        type="button"
        className="live-switch"
        aria-label={paused ? 'Go on updating' : 'Pause updating'}
        title={paused ? 'Go on updating' : 'Pause updating'}
        onClick={togglePause}
      >
        <Icon name={paused ? 'play' : 'pause'} />
      </button>
    </div>
  );
}
