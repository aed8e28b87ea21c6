import type { LogLine } from '../api/logs';

/** How a tail stands: `open` while lines come, `lost` while it tries again, `asking` while lines are asked for because no
 * connection can be had, `over` when the run is, `resting` before it begins. */
export type TailState = 'resting' | 'open' | 'lost' | 'asking' | 'over';

/** What a tail needs. */
export interface TailOf {
  /** Where lines after the last one come from. */
  address: () => string;
  /** Takes lines, in order. What it has already it leaves out. */
  take: (lines: LogLine[]) => void;
  /** Asks for lines once, where no connection can be had; whether the run is over. */
  ask: () => Promise<boolean>;
  /** The run is over, and every line has come. */
  finish: () => void;
  told: (state: TailState) => void;
}

/** Silence after which a connection is taken for dead: the server says something every 15 s. */
const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** Connections in vain after which lines are asked for meanwhile. */
const IN_VAIN = 3;
/** What reading messages may take of a frame. */
const BUDGET_MS = 4;
/** The server's word that the run is over. */
const OVER = 1000;

/**
 * Follows a log as it is written, over a WebSocket that is made again whenever it breaks, from behind the last line that came:
 * none is lost, and none comes twice.
 */
export class Tail {
  private socket: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private stopped = false;
  private messages: string[] = [];
  private pumping = false;
  private closing: (() => void) | undefined;

  constructor(private readonly of: TailOf) {}

  start(): void {
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.socket?.close();
  }

  private connect(): void {
    if (this.stopped) return;
    this.messages = [];
    this.closing = undefined;
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.of.address());
    } catch {
      this.again();
      return;
    }
    this.socket = socket;
    this.heard();
    socket.onopen = () => {
      this.of.told('open');
    };
    socket.onmessage = (event) => {
      this.heard();
      this.failures = 0;
      this.messages.push(String(event.data));
      this.pump();
    };
    socket.onclose = (event) => {
      clearTimeout(this.silence);
      if (this.stopped || socket !== this.socket) return;
      // What came before it is read first.
      this.closing = () => {
        if (event.code === OVER) {
          this.of.finish();
          this.of.told('over');
        } else {
          this.again();
        }
      };
      this.pump();
    };
  }

  private heard(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      const { socket } = this;
      this.socket = undefined;
      socket?.close();
      this.again();
    }, SILENCE_MS);
  }

  private again(): void {
    if (this.stopped) return;
    this.failures += 1;
    if (this.failures < IN_VAIN) {
      this.of.told('lost');
      this.later(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.failures - 1)), () => this.connect());
      return;
    }
    // Something between here and there passes no WebSocket, or nothing at all.
    this.of.ask().then(
      (over) => {
        if (this.stopped) return;
        if (over) {
          this.of.finish();
          this.of.told('over');
          return;
        }
        this.of.told('asking');
        if (this.failures % 5 === 0) this.connect();
        else this.later(FIRST_WAIT_MS * 4, () => this.again());
      },
      () => {
        this.of.told('lost');
        this.later(LONGEST_WAIT_MS, () => this.again());
      },
    );
  }

  private later(wait: number, act: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(act, wait);
  }

  /** Reads messages a little in every frame, so that a flood of them leaves time to draw. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    const turn = () => {
      this.pumping = false;
      if (this.stopped) return;
      const begun = performance.now();
      const lines: LogLine[] = [];
      let message: string | undefined;
      while (performance.now() - begun < BUDGET_MS && (message = this.messages.shift()) !== undefined) {
        lines.push(...linesOf(message));
      }
      if (lines.length > 0) this.of.take(lines);
      if (this.messages.length > 0) this.pump();
      else {
        const { closing } = this;
        this.closing = undefined;
        closing?.();
      }
    };
    // A page that is not seen is not drawn, and has no frames.
    if (document.hidden) setTimeout(turn);
    else requestAnimationFrame(turn);
  }
}

/** The lines of a message; those of another type have none. */
function linesOf(message: string): LogLine[] {
  try {
    const { type, lines } = JSON.parse(message) as { type?: string; lines?: LogLine[] };
    return type === 'lines' && Array.isArray(lines) ? lines : [];
  } catch {
    // It breaks off: the connection does too, and what is missing comes with the next.
    return [];
  }
}
