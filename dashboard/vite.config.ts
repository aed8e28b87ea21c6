import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** The api that pages are looked at with while they are written. */
const api = process.env.SLIPWAY_URL ?? 'http://127.0.0.1:8080';
const key = process.env.SLIPWAY_API_KEY;

const forwarded = {
  target: api,
  changeOrigin: true,
  ws: true,
  rewriteWsOrigin: true,
  // In development alone: who opens the page is whoever the key in the environment belongs to.
  ...(key ? { headers: { authorization: `Bearer ${key}` } } : {}),
};

/**
 * What is loaded together. A file for each page would pack worse, by a tenth of the whole; so pages are in three files by what
 * one is about, each loaded when a page in it is opened, beside what every page needs. Charts are only where there are some.
 */
const together = [
  { name: 'charts', test: /node_modules\/uplot/, priority: 3 },
  {
    name: 'base',
    test: /\/src\/(design|api|live|keys|shell)\/|\/route\.ts|node_modules\/(react|scheduler|@tanstack|openapi)/,
    priority: 2,
  },
  { name: 'runs', test: /\/src\/(logs|graph|plan|pages\/(runs?|logs|bulk|compare))\//, priority: 1 },
  {
    name: 'things',
    test: /\/src\/(score|pages\/(applications?|resources?|providers?|goldenPaths?|submit))\//,
    priority: 1,
  },
  { name: 'operation', test: /\/src\/pages\// },
];

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/api': forwarded, '/ws': forwarded, '/login': forwarded, '/logout': forwarded } },
  build: {
    target: 'es2022',
    outDir: 'dist/site',
    // Nothing is inlined: `img-src` and `font-src` allow this origin, and a data URL cannot be cached by itself.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rolldownOptions: { output: { codeSplitting: { groups: together } } },
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // Long enough for a machine that builds something beside: no test is about time.
  test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'node', testTimeout: 60_000 },
});
