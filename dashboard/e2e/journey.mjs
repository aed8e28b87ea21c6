// What people do in the dashboard, in the distribution's Chromium, against a real Slipway. Started by the test of that name in
// tests/tests/it/dashboard.rs, which has made what there is to see:
//   node e2e/journey.mjs '{"part": "look", "base": "http://…", "name": "ada", "password": "…", "chromium": "/usr/bin/chromium",
//                          "failed": RUN, "release": RUN, "asking": RUN, "batch": BATCH, "resource": RESOURCE,
//                          "pages": ["/applications/shop"], "pictures": FOLDER?,
//                          "many": {"runs": 5000, "filter": "workflow=scripted&status=failed"}}'
// `look` is all that one does and sees; `many` what is done to thousands of runs, which have to be there by then.
import { browser, complaints, given, go, loggedIn, say } from './browser.mjs';
import { hostile } from './hostile.mjs';
import { looked, looksFrom, visited } from './looks.mjs';
import { atLast } from './many.mjs';
import { stale } from './stale.mjs';
import { steps } from './steps.mjs';
import { switches, ZONE } from './switches.mjs';

const parts = {
  async look() {
    const page = await loggedIn({});
    // Mostly it waits, which it can do beside the others.
    const beside = go(await loggedIn({ timezoneId: ZONE }), {
      ...switches,
      'the stream of events is lost, said so, and found again': stale,
    });
    await Promise.all([go(page, steps), beside]);
    const looks = await looksFrom(page);
    const began = performance.now();
    const visiting = async () => {
      for (const look of looks) await visited(page, look);
      say(`${looks.length} pages keep to their policy`, began);
    };
    // Parts of axe are evaluated in the page, which its own policy would refuse.
    const pages = [await loggedIn({ bypassCSP: true }), await loggedIn({ bypassCSP: true })];
    const halves = pages.map(async (page, half) => {
      for (const look of looks.filter((_, at) => at % pages.length === half)) await looked(page, look);
    });
    await Promise.all([visiting(), ...halves]);
    say(`${looks.length} pages in both themes, at 1280 and 360 px`, began);
  },

  async many() {
    const page = await loggedIn({});
    await go(page, { "others' words are text, whatever they hold": hostile, ...atLast });
  },
};

try {
  await parts[given.part]();
} catch (error) {
  complaints.push(error.stack);
} finally {
  await browser.close();
}
for (const complaint of new Set(complaints)) console.error(complaint);
process.exit(complaints.length ? 1 : 0);
