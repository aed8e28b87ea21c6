// How long until the main pages show what they are about, in the distribution's Chromium, against a real Slipway: prints JSON.
//   node e2e/pages.mjs '{"base": "http://…", "name": "ada", "password": "…", "chromium": "/usr/bin/chromium",
//                        "run": RUN, "application": NAME, "resource": RESOURCE}'
// Measured by the page's own clock, from the start of the navigation to the frame after the first row, line or figure is there.
import { chromium } from 'playwright-core';

const given = JSON.parse(process.argv[2]);
const ROUNDS = 12;

/** The pages, and what is there when one of them shows what it is about. */
const PAGES = [
  ['overview', '/', 'main table tbody tr'],
  ['runs', '/runs', 'main a[href^="/runs/"]'],
  ['runs that failed', '/runs?status=failed', 'main a[href^="/runs/"]'],
  ['a run', `/runs/${given.run}`, 'main table tbody tr, main ol li'],
  ['a log', `/runs/${given.run}/logs`, '.log .log-number'],
  ['a log, from a line in its middle', `/runs/${given.run}/logs#L500`, '.log .log-number'],
  ['resources', '/resources', 'main a[href^="/resources/"]'],
  ['a resource', `/resources/${given.resource}`, 'main table tbody tr, main dl dd'],
  ['applications', '/applications', 'main a[href^="/applications/"]'],
  ['an application', `/applications/${given.application}`, 'main a[href^="/resources/"]'],
  ['queues', '/queues', 'main a[href^="/queues/"]'],
  ['audit', '/audit', 'main table tbody tr'],
];

const browser = await chromium.launch({
  executablePath: given.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(`${given.base}/runs`);
  await page.waitForURL(/\/login/);
  await page.getByLabel('Name').fill(given.name);
  await page.getByLabel('Password').fill(given.password);
  await page.getByRole('button').first().click();
  await page.waitForURL(/\/runs/);
  // Looks at every change of the page itself: a question from here would be a moment late.
  await page.addInitScript(() => {
    globalThis.shownAfter = (selector) =>
      new Promise((done) => {
        const look = () => {
          if (!document.querySelector(selector)) return false;
          globalThis.requestAnimationFrame(() => done(globalThis.performance.now()));
          return true;
        };
        if (look()) return;
        const observer = new globalThis.MutationObserver(() => {
          if (look()) observer.disconnect();
        });
        observer.observe(document, { childList: true, subtree: true });
      });
  });
  const measured = [];
  for (const [name, path, selector] of PAGES) {
    const ms = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      // Whole pages, not a step from one to another within the application.
      await page.goto('about:blank');
      await page.goto(given.base + path, { waitUntil: 'commit' });
      const took = await page
        .evaluate((wanted) => globalThis.shownAfter(wanted), selector)
        .catch((error) => {
          throw new Error(`${path} does not show ${selector}: ${error.message}`, { cause: error });
        });
      // The first finds the browser's cache empty.
      if (round > 0) ms.push(took);
    }
    measured.push({ page: name, ms });
  }
  console.log(JSON.stringify(measured));
} finally {
  await browser.close();
}
