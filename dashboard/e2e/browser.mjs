// A browser and the people in it, whatever they do: what a page may not do is written down wherever it happens.
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

export const given = JSON.parse(process.argv[2]);
/** What went wrong without stopping anything. */
export const complaints = [];

export const browser = await chromium.launch({
  executablePath: given.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});

/** What the browser says of a page's requests while something is done that lets them fail: no complaint. */
const expected = new WeakMap();

/** From now on requests of the page may fail so; without a pattern, none may. */
export function mayFail(page, pattern) {
  expected.set(page, pattern);
}

/** Writes down whatever a page should not do. */
function watch(page) {
  page.on('console', (message) => {
    if (message.type() !== 'error' || expected.get(page)?.test(message.text())) return;
    complaints.push(`${page.url()}: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on('request', (request) => {
    const { origin } = new URL(request.url());
    if (request.url().startsWith('http') && origin !== given.base) complaints.push(`${page.url()} asks ${origin}`);
  });
}

/** Lets no answer to these come any more; gives what lets them come again. */
export async function cutOff(page, path) {
  mayFail(page, /net::ERR_FAILED/);
  const refuse = (route) => route.abort();
  await page.route(`${given.base}${path}`, refuse);
  return () => page.unroute(`${given.base}${path}`, refuse);
}

/** Logs in as a person does: who opens a page without a session is led to the login, and from there to the page. */
export async function loggedIn(options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(`${given.base}/runs`);
  await page.waitForURL(/\/login/);
  // What is watched begins here: the question that led here was refused, and the browser says so.
  watch(page);
  await page.getByLabel('Name').fill(given.name);
  await page.getByLabel('Password').fill(given.password);
  await page.getByRole('button').first().click();
  await page.waitForURL(/\/runs/);
  await heading(page, 'Runs');
  return page;
}

export const heading = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor();
export const status = (page, text) => page.locator('main').getByText(text, { exact: true }).first().waitFor();

/** Asks the api as the person who is logged in; gives what it answers. */
export async function asked(page, path, data) {
  const answer = await page.request.post(given.base + path, { data, headers: { 'sec-fetch-site': 'same-origin' } });
  if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

const axe = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/**
 * Whether what is on the page can be used by everybody, or only whether its colours can be told apart. Only a page that was opened
 * with `bypassCSP` can be asked.
 */
export async function usable(page, what, coloursAlone = false) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate(
    (rules) =>
      globalThis.axe.run({ resultTypes: ['violations'], ...(rules && { runOnly: { type: 'rule', values: rules } }) }),
    // By name: by what they are about, those that axe leaves out unless asked would be among them.
    coloursAlone ? ['color-contrast', 'link-in-text-block'] : undefined,
  );
  for (const one of violations)
    complaints.push(`${what}: ${one.id}: ${one.nodes[0]?.target.join(' ')}: ${one.nodes[0]?.failureSummary}`);
}

/** That something is as it should be, and how long it took to find out. */
export function say(what, began) {
  console.log(`ok: ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}

/** Does these things, each by its name; what does not work is told with what the page shows. */
export async function go(page, steps) {
  for (const [name, step] of Object.entries(steps)) {
    const began = performance.now();
    await step(page).catch(async (error) => {
      const shown = await page
        .locator('body')
        .innerText({ timeout: 5000 })
        .catch(() => '(nothing)');
      throw new Error(`${name}: ${error.message}\n${page.url()} shows:\n${shown.slice(0, 3000)}`, { cause: error });
    });
    say(name, began);
  }
}
