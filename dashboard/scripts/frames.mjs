// How long a frame's scripting takes while somebody scrolls through the log of a run, in the distribution's Chromium, with the
// pages as they are built and a real api behind them: fails when the 95th percentile is above 8 ms.
//   source ../.slipway/env && npm run build && npm run frames -- RUN
// What is counted is the time that the page's main thread has worked (by its own clock, so that other programs do not count),
// without the browser's layout and painting.
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const LIMIT_MS = 8;
const SCRIPTS = new Set([
  'FunctionCall',
  'EvaluateScript',
  'FireAnimationFrame',
  'TimerFire',
  'EventDispatch',
  'RunMicrotasks',
]);
const NOT_SCRIPTS = new Set(['Layout', 'UpdateLayoutTree', 'Paint', 'PrePaint']);

const [run] = process.argv.slice(2);
if (!run) {
  console.error('which run? npm run frames -- RUN');
  process.exit(2);
}
const server = await preview({ preview: { port: 0, host: '127.0.0.1' } });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});

/** The scripting of each frame in ms, from what the browser traced. */
function frames(events) {
  // The thread that runs the page's scripts, among those of all of the browser's processes.
  const calls = new Map();
  for (const { name, pid, tid } of events) {
    if (name === 'FunctionCall') calls.set(`${pid} ${tid}`, (calls.get(`${pid} ${tid}`) ?? 0) + 1);
  }
  const [main] = [...calls].sort(([, one], [, other]) => other - one)[0];
  const own = events
    .filter((event) => `${event.pid} ${event.tid}` === main && event.ph === 'X' && event.dur !== undefined)
    .sort((one, other) => one.ts - other.ts || other.dur - one.dur);
  // A frame is over when it is handed on to be drawn.
  const begins = [0, ...own.filter((event) => event.name === 'Commit').map((event) => event.ts)];
  const work = new Array(begins.length).fill(0);
  let frame = 0;
  let scripted = 0;
  let left = 0;
  for (const event of own) {
    while (frame + 1 < begins.length && begins[frame + 1] <= event.ts) frame += 1;
    const length = (event.tdur ?? event.dur) / 1000;
    if (SCRIPTS.has(event.name) && event.ts >= scripted) {
      scripted = event.ts + event.dur;
      work[frame] += length;
    } else if (NOT_SCRIPTS.has(event.name) && event.ts < scripted && event.ts >= left) {
      left = event.ts + event.dur;
      work[frame] -= length;
    }
  }
  return work.sort((one, other) => one - other);
}

async function traced(page, act) {
  const session = await page.context().newCDPSession(page);
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  const over = new Promise((done) => session.once('Tracing.tracingComplete', done));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    categories: 'devtools.timeline,disabled-by-default-devtools.timeline',
  });
  await act();
  await session.send('Tracing.end');
  await over;
  await session.detach();
  return frames(events);
}

let failed = false;
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const base = `http://127.0.0.1:${server.httpServer.address().port}`;
  await page.goto(`${base}/runs/${run}/logs`);
  const log = page.locator('.log');
  await log.locator('.log-number').first().waitFor();
  console.log(`${await log.getAttribute('data-lines')} lines`);
  const box = await log.boundingBox();
  await page.mouse.move(box.x + 300, box.y + 300);
  const ways = {
    async 'scrolling by the wheel'() {
      for (let turn = 0; turn < 240; turn += 1) {
        await page.mouse.wheel(0, turn % 60 < 40 ? 120 : -120);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
      }
    },
    async 'dragging the bar from end to end'() {
      await log.evaluate(async (element) => {
        for (let turn = 0; turn <= 240; turn += 1) {
          element.scrollTop = ((element.scrollHeight - element.clientHeight) * turn) / 240;
          await new Promise((done) => requestAnimationFrame(done));
        }
      });
    },
    async 'the same with long lines broken'() {
      await page.keyboard.press('w');
      await ways['dragging the bar from end to end']();
    },
  };
  for (const [name, act] of Object.entries(ways)) {
    const work = await traced(page, act);
    const at = (part) => (work[Math.min(work.length - 1, Math.floor(work.length * part))] ?? 0).toFixed(2);
    console.log(`${name}: ${work.length} frames, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`);
    if (Number(at(0.95)) > LIMIT_MS) failed = true;
  }
} finally {
  await browser.close();
  await server.close();
}
if (failed) console.error(`the 95th percentile is above ${LIMIT_MS} ms`);
process.exit(failed ? 1 : 0);
