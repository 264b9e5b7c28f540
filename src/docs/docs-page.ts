import { type RequestHandler, Router } from 'express';
import swaggerUi from 'swagger-ui-express';

/** The page and the files that it loads. */
export interface DocsPage {
  readonly html: string;
  /** Everything that the page may load and do: scripts, styles and requests of this host, and nothing inline. */
  readonly contentSecurityPolicy: string;
  /** Whether this path is one of the page's files. */
  isAsset(path: string): boolean;
  /** Answers such a path. */
  readonly serveAsset: RequestHandler;
}

const FOLDER = '/api-docs';

/** The package has more files: source maps, and a page that shows the document of another company. */
const ASSETS = new Set(
  [
    'index.css',
    'swagger-ui.css',
    'swagger-ui-bundle.js',
    'swagger-ui-standalone-preset.js',
    'swagger-ui-init.js',
    'favicon-32x32.png',
  ].map((name) => `${FOLDER}/${name}`),
);

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The style sheet has its icons within.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Swagger UI. The only file that knows swagger-ui-express. */
export function docsPage({ title, documentPath }: { title: string; documentPath: string }): DocsPage {
  const swaggerOptions = {
    // Without the bar on top, which asks for the address of any document.
    layout: 'BaseLayout',
    // It would send the document's address to a validator on the internet.
    validatorUrl: null,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
  };
  const files = swaggerUi.serveFiles(undefined, { swaggerUrl: documentPath, swaggerOptions });
  return {
    html: htmlOf(title),
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    isAsset: (path) => ASSETS.has(path),
    serveAsset: Router().use(FOLDER, ...files),
  };
}

/** Of our own, because the package's has scripts and styles inline, and finds its files only with a slash after its path. */
function htmlOf(title: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${escaped(title)}</title>
    <link rel="icon" type="image/png" sizes="32x32" href="${FOLDER}/favicon-32x32.png">
    <link rel="stylesheet" href="${FOLDER}/swagger-ui.css">
    <link rel="stylesheet" href="${FOLDER}/index.css">
  </head>
  <body>
    <noscript>This page needs JavaScript. What it shows is in <a href="/api-docs.json">/api-docs.json</a>.</noscript>
    <div id="swagger-ui"></div>
    <script src="${FOLDER}/swagger-ui-bundle.js"></script>
    <script src="${FOLDER}/swagger-ui-standalone-preset.js"></script>
    <script src="${FOLDER}/swagger-ui-init.js"></script>
  </body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
