import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'src/api/schema.d.ts'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      // Handlers and effects start what they do not wait for; what fails there is shown by its query or mutation.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // The router's `redirect` and `notFound` are thrown, and are no errors.
      '@typescript-eslint/only-throw-error': 'off',
      'max-lines': ['error', { max: 400 }],
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        Buffer: 'readonly',
        URL: 'readonly',
        performance: 'readonly',
      },
    },
  },
  {
    // Parts of it run in the page.
    files: ['e2e/*.mjs', 'scripts/frames.mjs'],
    languageOptions: {
      globals: {
        document: 'readonly',
        dispatchEvent: 'readonly',
        Event: 'readonly',
        fetch: 'readonly',
        scrollTo: 'readonly',
        innerWidth: 'readonly',
        requestAnimationFrame: 'readonly',
        addEventListener: 'readonly',
        Node: 'readonly',
        NodeFilter: 'readonly',
      },
    },
  },
);
