// What can be done by keyboard alone; a part of journey.mjs. Nothing here is clicked.
import assert from 'node:assert/strict';

import { given, heading } from './browser.mjs';

const focused = (page) => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');

/** Presses a key until what has the focus is what is wanted. */
async function until(page, key, wanted, most = 80) {
  for (let times = 0; times < most; times += 1) {
    if (await page.evaluate(wanted)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${most} times ${key}, and the focus is at “${await focused(page)}”`);
}

export async function keyboard(page) {
  await page.goto(`${given.base}/`);
  await heading(page, 'Overview');
  await page.keyboard.press('g');
  await page.keyboard.press('r');
  await page.waitForURL(/\/runs/);
  await heading(page, 'Runs');
  await page.locator('main a[href^="/runs/"]').first().waitFor();
  await filtered(page);
  await rows(page);
  await help(page);
  await steps(page);
  await retried(page);
  await palette(page);
}

/** `/` leads to the first filter; one is typed, and is in the address. */
async function filtered(page) {
  await page.keyboard.press('/');
  await until(page, 'Tab', () => document.activeElement?.closest('label, .field')?.textContent?.startsWith('Workflow'));
  await page.keyboard.type('release');
  await page.keyboard.press('Enter');
  await page.waitForURL(/workflow=release/);
  await page.keyboard.press('Escape');
}

/** `j` goes down the rows, `k` up again; the second one is opened. */
async function rows(page) {
  const at = () =>
    page.evaluate(() => [...document.querySelectorAll('main [data-row]')].indexOf(document.activeElement));
  await page.locator('main [data-row]').nth(2).waitFor();
  for (const [key, row] of [
    ['j', 0],
    ['j', 1],
    ['j', 2],
    ['k', 1],
  ]) {
    await page.keyboard.press(key);
    assert.equal(await at(), row, `after ${key}`);
  }
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/runs\/.+/);
  // Until the page is there, what opens is closed again by its coming.
  await heading(page, 'release');
}

async function help(page) {
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Arrows go from step to step in the picture of them; Enter opens one. */
async function steps(page) {
  await page.goto(`${given.base}/runs/${given.release}`);
  await heading(page, 'release');
  await page.locator('.graph-node').first().waitFor();
  await until(page, 'Tab', () => document.activeElement?.classList.contains('graph-node'));
  assert.match(await focused(page), /build/);
  await page.keyboard.press('ArrowRight');
  assert.match(await focused(page), /tests/);
  await page.keyboard.press('Enter');
  await page
    .locator('#step')
    .getByText('What its workflow', { exact: false })
    .or(page.locator('#step h3'))
    .first()
    .waitFor();
  await page.waitForURL(/step=/);
}

/** Tab leads to Retry, Enter presses it: the run that goes on has another id. */
async function retried(page) {
  await page.goto(`${given.base}/runs/${given.failed}`);
  await page.getByText('no space left on device').first().waitFor();
  await until(page, 'Tab', () => document.activeElement?.textContent?.trim() === 'Retry');
  const before = page.url();
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.href !== before && /^\/runs\/[0-9a-f-]{36}$/.test(url.pathname));
  await page.getByText('Goes on from').waitFor();
  await page.getByText('Step only failed, with exit code 3').waitFor();
}

/** Ctrl K leads to anything by a few letters. */
async function palette(page) {
  for (const [letters, option, title] of [
    ['webhooks', /Webhooks/, 'Settings'],
    ['queue default', /default/, 'default'],
    ['larger', /Larger caches/, 'Larger caches'],
  ]) {
    await page.keyboard.press('Control+k');
    const field = page.getByRole('combobox', { name: 'Page, application, workflow or run id' });
    await field.waitFor();
    await page.keyboard.type(letters);
    await page.getByRole('option', { name: option }).first().waitFor();
    const down = async () =>
      !option.test((await page.locator('[role=option][aria-selected=true]').textContent()) ?? '');
    for (let times = 0; times < 12 && (await down()); times += 1) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // Until the page is there, what opens is closed again by its coming.
    await heading(page, title);
  }
}
