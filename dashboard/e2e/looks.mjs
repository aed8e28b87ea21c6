// How every page looks: in both themes, at a desk and on a phone; a part of journey.mjs.
import assert from 'node:assert/strict';

import { complaints, given, mayFail, usable } from './browser.mjs';

/** Pages that no link of the navigation leads to, and that are there on every Slipway. */
const MORE = [
  '/queues/default',
  '/runs/compare',
  '/audit?outcome=done',
  '/runs?status=failed&workflow=unheard-of',
  ...['teams', 'people', 'secrets', 'integrations', 'webhooks', 'notifications'].map((tab) => `/settings?tab=${tab}`),
];

const SCORE = (kind) => `apiVersion: score.dev/v1b1
metadata:
  name: shop
containers:
  web:
    image: nginx:1.27
resources:
  db:
    ${kind}: mysql
    params: { size: 40 }
  cache:
    type: redis
    params: { size: 4 }
  images:
    type: mysql
    params: { size: 5 }
`;

async function written(page, kind, shown) {
  // A file with mistakes is refused, and the browser says that too.
  mayFail(page, /422/);
  await page.getByRole('textbox', { name: 'Score file' }).fill(SCORE(kind));
  await page.locator(shown).first().waitFor();
  // What is asked for a last time is here by then.
  await page.waitForFunction(() => document.querySelector('main [aria-busy="true"], main [data-old]') === null);
}

const opened = (press) => async (page) => {
  await press(page);
  await page.getByRole('dialog').waitFor();
};

/** What is looked at after something was done on a page. */
const DONE = [
  { path: '/submit', as: 'submit', prepare: (page) => written(page, 'type', '.expected-kind') },
  { path: '/submit', prepare: (page) => written(page, 'typ', '.editor-marks li') },
  { path: '/workers', as: 'palette', prepare: opened((page) => page.keyboard.press('Control+k')) },
  {
    path: '/queues/default',
    as: 'pause',
    prepare: opened((page) => page.getByRole('button', { name: 'Pause…' }).click()),
  },
];

/**
 * The pictures that the guide and the README show: their names, and what they are of. This list is all that is written, so that
 * a picture is not kept by accident.
 */
const PICTURES = {
  overview: '/',
  runs: '/runs',
  run: `/runs/${given.release}`,
  logs: `/runs/${given.release}/logs`,
  applications: '/applications',
  application: '/applications/shop',
  resources: '/resources',
  resource: `/resources/${given.resource}`,
  providers: '/providers',
  provider: '/providers/platform',
  'golden-path': '/golden-paths/release',
  queues: '/queues',
  queue: '/queues/default',
  workers: '/workers',
  approvals: '/approvals',
  audit: '/audit',
  batches: '/batches',
  batch: `/batches/${given.batch}`,
  settings: '/settings',
  submit: 'submit',
};

/** A theme changes colours and nothing else, a width changes what there is: everything once a theme and once a width, colours always. */
const LOOKS = [
  ['light', 1280],
  ['dark', 1280, 'colours'],
  ['dark', 360],
  ['light', 360, 'colours'],
];

/** The name of a picture to be kept of a page that looks so. */
function pictureOf({ path, as }, theme, width) {
  const [name] = Object.entries(PICTURES).find(([, of]) => of === (as ?? path)) ?? [];
  if (name === undefined) return undefined;
  if (width < 500) return name === 'overview' && theme === 'light' ? `${name}-phone` : undefined;
  return theme === 'light' || name === 'overview' ? `${name}-${theme}` : undefined;
}

/** Everything that is looked at: the pages of the navigation, those of single things, and those on which something was done. */
export async function looksFrom(page) {
  const links = await page
    .getByRole('navigation', { name: 'Main' })
    .getByRole('link')
    .evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  assert.ok(links.length >= 2, 'the navigation leads nowhere');
  const first = async (path) => (await (await page.request.get(given.base + path)).json()).items[0].id;
  const paths = new Set([
    ...links.filter((link) => link !== '/submit'),
    `/runs/${given.failed}`,
    `/runs/${given.release}`,
    `/runs/${given.release}?step=migrate`,
    `/runs/${given.release}?view=table`,
    `/runs/${given.release}/logs`,
    `/runs/compare?a=${given.failed}&b=${given.asking}`,
    `/runs/${given.asking}`,
    `/workers?worker=${await first('/api/workers')}`,
    `/audit?entry=${await first('/api/audit')}`,
    ...MORE,
    ...given.pages,
  ]);
  return [...[...paths].map((path) => ({ path })), ...DONE];
}

/** A page once, as it is sent to people: its policy holds, and nothing of it complains. */
export async function visited(page, { path, prepare }) {
  await page.goto(given.base + path);
  await settled(page);
  await prepare?.(page);
}

async function settled(page) {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(() => document.querySelector('main .skeleton, [aria-busy="true"]') === null);
}

/** A page in both themes, at a desk and on a phone: no violation, nothing wider than the window. */
export async function looked(page, look) {
  await page.setViewportSize({ width: 1280, height: 900 });
  await visited(page, look);
  for (const [theme, width, only] of LOOKS) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: width < 500 ? 780 : 900 });
    // What follows the window's width has done so when two frames are over.
    await page.evaluate(() => {
      const frame = globalThis.requestAnimationFrame;
      return new Promise((done) => frame(() => frame(done)));
    });
    const picture = given.pictures && pictureOf(look, theme, width);
    if (picture) await page.screenshot({ path: `${given.pictures}/${picture}.png` });
    const what = `${look.path}${look.prepare ? ' with something done' : ''} ${theme} ${width}`;
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wider > 0) complaints.push(`${what} is ${wider} px wider than the window`);
    await usable(page, what, only === 'colours');
  }
}
