import { EventReader, type Told } from './parse';

/** How a stream of events stands: `lost` while it tries again, `refused` when the api would not give one. */
export type StreamState = 'none' | 'open' | 'lost' | 'refused';

/** Silence after which a stream is taken for dead: the api says something every 15 s. */
const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const REFUSED_WAIT_MS = 30_000;

/**
 * Follows what happens, and goes on from the last event whenever the connection breaks. `fetch` and not `EventSource`: that one
 * does not say why it was refused, nor that it is alive.
 */
export class Stream {
  private stopping: AbortController | undefined;

  constructor(
    private readonly of: {
      heard: (event: Told) => void;
      /** Something came, be it only a sign of life. */
      alive: () => void;
      told: (state: StreamState) => void;
    },
    /** The place that everything up to was heard. */
    public last = '',
  ) {}

  /** Follows these events, in place of those that it followed. */
  follow(filter: string): void {
    this.stop();
    const stopping = new AbortController();
    this.stopping = stopping;
    void this.run(filter, stopping.signal);
  }

  stop(): void {
    this.stopping?.abort();
    this.stopping = undefined;
  }

  private async run(filter: string, stopped: AbortSignal): Promise<void> {
    let failures = 0;
    while (!stopped.aborted) {
      let refused = false;
      try {
        refused = !(await this.connect(filter, stopped, () => (failures = 0)));
      } catch {
        // The network, or a server that went away: it is made again.
      }
      if (isOver(stopped)) return;
      failures += 1;
      this.of.told(refused ? 'refused' : 'lost');
      const wait = refused ? REFUSED_WAIT_MS : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
      await pause(wait, stopped);
    }
  }

  /** Reads one connection to its end; whether there was one. */
  private async connect(filter: string, stopped: AbortSignal, opened: () => void): Promise<boolean> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENCE_MS);
    try {
      const response = await fetch(`/api/events/stream${filter}`, {
        headers: { accept: 'text/event-stream', ...(this.last === '' ? {} : { 'last-event-id': this.last }) },
        cache: 'no-store',
        signal: AbortSignal.any([stopped, silent.signal]),
      });
      // What is behind the api, or in front of it, may pass: a server error is no refusal, but for too many streams.
      if (!response.ok && response.status >= 500 && response.status !== 503) throw new Error(response.statusText);
      if (!response.ok || response.body === null) return false;
      const [reader, events] = [response.body.getReader(), new EventReader()];
      const decoder = new TextDecoder();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return true;
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE_MS);
        opened();
        this.of.told('open');
        this.of.alive();
        for (const event of events.read(decoder.decode(value, { stream: true }))) this.of.heard(event);
        if (events.id !== '') this.last = events.id;
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Asked behind an `await`: it may be over by then. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

function pause(wait: number, stopped: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, wait);
    stopped.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });
}
