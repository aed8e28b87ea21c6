import type { BatchDetail, BatchStage } from '../../api/batches';
import { Progress } from '../../design/Progress';
import { Status } from '../../design/Status';
import { Time } from '../../design/Time';
import { figure } from '../../design/words';
import { partsOf } from '../batches/parts';

/** The waves of a batch, one beside the other, in their order. */
export function Waves({ batch: { stages, wave, status } }: { batch: BatchDetail }) {
  return (
    <ol className="waves" aria-label="Waves">
      {stages.map((stage) => (
        <li key={stage.number} className="wave" aria-current={stage.number === wave ? 'step' : undefined}>
          <span className="wave-name">
            Wave {stage.number}
            <Standing stage={stage} begun={status !== 'awaiting_approval' && stage.number <= wave} />
          </span>
          <Progress
            label={`${figure(stage.succeeded + stage.failed + stage.skipped)} of ${figure(stage.total)}`}
            total={stage.total}
            parts={partsOf(stage)}
          />
          {stage.failed > 0 && (
            <span className="why" data-tone="bad">
              {figure(stage.failed)} failed
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}

function Standing({ stage, begun }: { stage: BatchStage; begun: boolean }) {
  if (stage.passed_at != null) return <Status status="completed" word="well" />;
  if (stage.ended_at != null && stage.bake_until != null) {
    return (
      <span className="row">
        <Status status="waiting" word="watched" />
        <span className="quiet">
          ends <Time at={stage.bake_until} />
        </span>
      </span>
    );
  }
  return begun ? <Status status="running" /> : <Status status="pending" />;
}
