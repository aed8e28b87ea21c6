// Others' words that mean harm to whoever reads them: names, errors, outputs and logs; a part of journey.mjs.
import assert from 'node:assert/strict';

import { complaints, given, mayFail } from './browser.mjs';

const RUN = 'globalThis.ran = (globalThis.ran ?? 0) + 1';
/** What would be run were it no text, marks that turn the direction of writing, and characters that steer terminals. */
const EVIL =
  `<script>${RUN}</script><img src=x onerror="${RUN}">'"><svg onload="${RUN}"><iframe srcdoc="<script>parent.ran=1</script>">` +
  '\u202egnp.exe\u2066\u200f\u061c\u0007\u001b[31m';
/** Wider than any window. */
const WORD = 'W'.repeat(300);
const LONG = 'W'.repeat(10_000);
const LINK = `javascript:${RUN}//https://example.com`;

/** What the page decides by, or asks with: anything else there is another page, and not another text. */
const KEPT =
  /^(id|.*_id|.*cursor|status|state|kind|operation|outcome|stream|desired|phase|code|digest|hash|md5|type|action|allowed)$/;
const FORMED = /^(\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
/** Where providers and people say much. */
const TOLD = /^(title|detail|message|reason|error.*|description|output.*)$/;

/** The same answer, of a server all of whose words are others'. */
function poisoned(value, name = '') {
  if (Array.isArray(value)) return value.map((one) => poisoned(one, name));
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).map(([key, one]) => [key, KEPT.test(key) ? one : poisoned(one, key)]);
    if (name === 'outputs')
      fields.push([`${EVIL}${WORD}`, LINK], ['console', LINK], ['page', `https://example.com/${LONG}`]);
    return Object.fromEntries(fields);
  }
  if (typeof value !== 'string' || FORMED.test(value)) return value;
  if (/^(link|url|homepage|repository)$/.test(name)) return LINK;
  return `${value}${EVIL}${TOLD.test(name) ? LONG : WORD}`;
}

/** What is not as it should be on the page that is open. */
function mistakes() {
  const found = [];
  if (globalThis.ran !== undefined) found.push('a script of theirs ran');
  const theirs = document.querySelector('[onerror], [onload], iframe, main script, img[src="x"]');
  if (theirs !== null) found.push(`their ${theirs.tagName} is on the page`);
  for (const link of document.querySelectorAll('a[href]')) {
    if (!/^https?:$/.test(new URL(link.href).protocol)) found.push(`a link leads to ${link.href.slice(0, 40)}`);
  }
  const turns = /[\u202a-\u202e\u2066-\u2069]/;
  const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  while (texts.nextNode()) {
    const it = texts.currentNode;
    const words =
      it.nodeType === Node.TEXT_NODE ? [it.data] : ['title', 'aria-label', 'alt'].map((name) => it.getAttribute(name));
    if (words.some((word) => turns.test(word ?? ''))) {
      found.push(`the direction is turned in ${(it.parentElement ?? it).outerHTML.slice(0, 80)}`);
      break;
    }
  }
  found.push(...(globalThis.violations ?? []));
  return found;
}

/** What of the page is wider than the window. */
function tooWide() {
  const wider = document.documentElement.scrollWidth - innerWidth;
  if (wider <= 0) return [];
  const of = [...document.querySelectorAll('main *')].find((it) => it.getBoundingClientRect().right > innerWidth + 1);
  return [`${wider} px wider than the window, at ${of?.outerHTML.slice(0, 120)}`];
}

/** Opens the pages of what others name, write and give back, each with every word of the api poisoned. */
export async function hostile(page) {
  page.on('dialog', (dialog) => {
    complaints.push(`${page.url()} opened a dialog`);
    void dialog.dismiss();
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      (globalThis.violations ??= []).push(`the policy was broken: ${event.violatedDirective}`);
    });
  });
  const first = async (path) => (await (await page.request.get(given.base + path)).json()).items[0].id;
  const entry = await first('/api/audit');
  const poison = async (route) => {
    // What follows has no end, and lines of logs are poisoned where they are written.
    if (/\/(stream|logs)/.test(new URL(route.request().url()).pathname)) return route.continue();
    const response = await route.fetch();
    if (!/json/.test(response.headers()['content-type'] ?? '')) return route.fulfill({ response });
    return route.fulfill({ response, json: poisoned(await response.json()) });
  };
  // Nothing is called what they call it, so that some questions are about what is not there.
  mayFail(page, /responded with a status of 4\d\d/);
  await page.route(`${given.base}/api/**`, poison);
  const pages = [
    '/',
    '/runs',
    `/runs/${given.hostile}`,
    `/runs/${given.hostile}?view=table`,
    `/runs/${given.hostile}/logs`,
    '/resources',
    `/resources/${given.resource}`,
    '/applications',
    '/applications/shop',
    '/approvals?status=approved',
    '/audit',
    `/audit?entry=${entry}`,
    `/batches/${given.batch}`,
    '/providers/platform',
    '/queues',
    '/settings?tab=people',
    '/settings?tab=secrets',
  ];
  for (const path of pages) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(given.base + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForFunction(() => document.querySelector('main .skeleton, [aria-busy="true"]') === null);
    // It is shown, and as the text that it is.
    await page.locator('main').getByText('<script>').first().waitFor({ state: 'attached' });
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 780 });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const found = await page.evaluate(mistakes);
      found.push(...(await page.evaluate(tooWide)));
      for (const one of found) complaints.push(`hostile ${path} at ${width} px: ${one}`);
    }
  }
  await page.unroute(`${given.base}/api/**`, poison);
  mayFail(page, undefined);
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.equal(await page.evaluate(() => globalThis.ran), undefined);
}
