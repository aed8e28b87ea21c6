// What people do, one thing after the other; a part of journey.mjs.
import assert from 'node:assert/strict';

import { acting } from './acting.mjs';
import { asked, given, heading, mayFail, status } from './browser.mjs';
import { keyboard } from './keyboard.mjs';
import { followed, searched } from './logs.mjs';

const FILE = `apiVersion: score.dev/v1b1
metadata:
  name: kiosk
containers:
  web:
    image: nginx:1.27
resources:
  db:
    type: scripted
    params:
      script: '{"sleep_ms": 1200, "lines": ["made"]}'
`;

export const steps = {
  async 'a Score file is submitted, watched while it is made, and active, without a reload'(page) {
    await page.goto(`${given.base}/submit`);
    await heading(page, 'Submit a Score file');
    const editor = page.getByRole('textbox', { name: 'Score file' });
    // What is wrong is refused, and the browser says that too.
    mayFail(page, /422/);
    await editor.fill(FILE.replace('type: scripted', 'typ: scripted'));
    // The mark says where, and what would be right.
    await page
      .locator('.editor-marks')
      .getByText(/^9:\d+$/)
      .first()
      .waitFor();
    assert.ok(
      await page.getByRole('button', { name: 'Submit', exact: true }).isDisabled(),
      'a wrong file can be submitted',
    );
    await editor.fill(FILE);
    const expected = page.getByRole('region', { name: 'What it would do' });
    await expected.getByText('would be a new application').waitFor();
    await expected.getByText(/^Made/).waitFor();
    await expected.getByText('by create-scripted of scripted').waitFor();
    mayFail(page, undefined);
    let loads = 0;
    page.on('load', () => (loads += 1));
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.waitForURL(/\/applications\/kiosk$/);
    await heading(page, 'kiosk');
    await page.getByRole('table', { name: 'Resources of kiosk' }).getByText('active', { exact: true }).waitFor();
    await page.locator('.page-lead').getByText('active', { exact: true }).waitFor();
    assert.equal(loads, 0, 'the page was loaded again');
  },

  async 'a run that is started is watched until it is completed, without a reload'(page) {
    const inputs = { script: '{"sleep_ms": 1500, "lines": ["hello from the step"]}' };
    const { id } = await asked(page, '/api/workflows/execute', { workflow: 'scripted', inputs });
    await page.goto(`${given.base}/runs/${id}`);
    await status(page, 'completed');
  },

  async 'a failure is found in at most two clicks from the overview, with its last lines, and retried'(page) {
    await page.goto(`${given.base}/`);
    await heading(page, 'Overview');
    await page.getByRole('table', { name: 'Latest failures' }).getByRole('link').first().click();
    await page.waitForURL(/\/runs\//);
    await page.getByText('no space left on device').first().waitFor();
    // What failed, why, and what it printed last are seen without scrolling.
    const seen = async (what) => {
      const box = await what.boundingBox();
      return box !== null && box.y >= 0 && box.y + box.height <= page.viewportSize().height;
    };
    const lines = page.locator('.last-lines');
    await lines.waitFor();
    for (const what of [page.getByText(/^Step only failed/).first(), lines]) {
      assert.ok(await seen(what), `one has to scroll to ${await what.innerText()}`);
    }
    const before = page.url();
    await page.getByRole('button', { name: 'Retry', exact: true }).click();
    // The new run has a page of its own, and comes to its end there.
    await page.waitForURL((url) => url.href !== before && /^\/runs\/[0-9a-f-]{36}$/.test(url.pathname));
    await page.getByText('Goes on from').waitFor();
    await page.getByText('Step only failed, with exit code 3').waitFor();
    assert.notEqual(page.url(), before);
  },

  async 'a decision is made where it is asked for'(page) {
    await page.goto(`${given.base}/runs/${given.asking}`);
    await page.getByRole('button', { name: 'Approve' }).click();
    await status(page, 'completed');
  },

  async 'a question is found among the approvals and answered there, with a reason'(page) {
    const { id } = await asked(page, '/api/workflows/execute', { workflow: 'asks', inputs: {} });
    await page.goto(`${given.base}/approvals`);
    const row = page
      .getByRole('table', { name: 'Questions that you may answer' })
      .getByRole('row')
      .filter({
        has: page.locator(`a[href="/runs/${id}"]`),
      });
    await row.getByRole('button', { name: /^Approve/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Reason/).fill('the window is open');
    await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.goto(`${given.base}/runs/${id}`);
    await status(page, 'completed');
  },

  async 'a queue is paused, says so, and goes on'(page) {
    await page.goto(`${given.base}/queues`);
    await page.getByRole('table', { name: 'Queues' }).getByRole('link', { name: 'default', exact: true }).click();
    await heading(page, 'default');
    await page.getByRole('button', { name: 'Pause…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Reason/).fill('the registry is down');
    await dialog.getByRole('button', { name: 'Pause it' }).click();
    await page.getByText('the registry is down').waitFor();
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.getByRole('button', { name: 'Pause…' }).waitFor();
  },

  async 'a deployment is marked beside the figures, and taken away again'(page) {
    await page.goto(`${given.base}/`);
    await page.getByRole('button', { name: /^Mark a deployment/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('In a few words').fill('till 3.1');
    await dialog.getByRole('button', { name: 'Mark it' }).click();
    await page.getByRole('button', { name: 'Remove the mark till 3.1' }).click();
    await page.getByRole('button', { name: 'Remove the mark till 3.1' }).waitFor({ state: 'detached' });
  },

  async 'filters are kept as a view, and are there again'(page) {
    await page.goto(`${given.base}/runs?status=failed`);
    await page.getByRole('button', { name: 'Views', exact: true }).click();
    await page.getByRole('menuitem', { name: /^Keep this view/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('What to call it').fill('what failed');
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('button', { name: 'View: what failed' }).waitFor();
    await page.goto(`${given.base}/runs`);
    await page.getByRole('button', { name: 'Views', exact: true }).click();
    await page.getByRole('menuitem', { name: /^what failed/ }).click();
    await page.waitForURL(/status=failed/);
  },

  async 'a key is shown once when it is made, and refused when it is revoked'(page) {
    await page.goto(`${given.base}/settings`);
    await page.getByRole('button', { name: /^Make a key/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('What to call it').fill('journey');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    const key = await dialog.locator('.once code').textContent();
    const outcome = () =>
      globalThis
        .fetch(`${given.base}/api/whoami`, { headers: { authorization: `Bearer ${key}` } })
        .then((it) => it.status);
    assert.equal(await outcome(), 200);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Revoke journey' }).click();
    await dialog.getByRole('button', { name: 'Revoke it' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await outcome(), 401);
  },

  async 'a log is followed over connections that break, and no line of it is lost or comes twice'(page) {
    const lines = Array.from({ length: 60 }, (_, at) => `line ${at + 1} of 60`);
    const script = JSON.stringify({ lines, sleep_ms: 1500 });
    await followed(page, given.base, { workflow: 'scripted', inputs: { script } });
  },

  async 'what is looked for in a log is counted, and a line has an address'(page) {
    // The run has been tried twice by now.
    await searched(page, given.base, given.failed, 'no space left', 2);
  },

  ...acting,

  async 'a batch is approved where one sees what it would do'(page) {
    await page.goto(`${given.base}/batches/${given.batch}`);
    await heading(page, 'Larger caches');
    await page.getByRole('button', { name: 'Approve…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: /^Approve \d+ resources$/ }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.locator('.page-lead').getByText('running', { exact: true }).waitFor();
    await page
      .getByText(/^1 of 4/)
      .first()
      .waitFor();
  },

  'the keyboard alone leads through a run': keyboard,
};
