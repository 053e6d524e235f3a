// Builds service/playhead/static from the sources here and the pinned packages.
// `node build.mjs` writes it; `node build.mjs --check` only tells where the committed files differ.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const swagger = join(here, "node_modules", "swagger-ui-dist");
const target = join(here, "..", "playhead", "static");

// Files of the API page. Those named .gz are served under the name without it, as Content-Encoding: gzip.
const built = new Map([
  ["docs/index.html", readFileSync(join(here, "docs", "index.html"))],
  ["docs/docs.js", readFileSync(join(here, "docs", "docs.js"))],
  ["docs/swagger-ui.css.gz", withoutSourceMap(join(swagger, "swagger-ui.css"))],
  ["docs/swagger-ui-bundle.js.gz", withoutSourceMap(join(swagger, "swagger-ui-bundle.js"))],
  ["docs/swagger-ui-bundle.js.LICENSE.txt", readFileSync(join(swagger, "swagger-ui-bundle.js.LICENSE.txt"))],
  ["docs/swagger-ui.LICENSE.txt", readFileSync(join(swagger, "LICENSE"))],
  ["docs/swagger-ui.NOTICE.txt", readFileSync(join(swagger, "NOTICE"))],
]);

function withoutSourceMap(path) {
  return Buffer.from(readFileSync(path, "utf8").replace(/\n?(\/\/|\/\*)# sourceMappingURL=.*\s*$/, "\n"));
}

function committedNames() {
  return readdirSync(target, { recursive: true }).filter((name) => statSync(join(target, name)).isFile());
}

// zlib versions compress differently, so what counts is the content.
function isSame(name, content) {
  const committed = readFileSync(join(target, name));
  return content.equals(name.endsWith(".gz") ? gunzipSync(committed) : committed);
}

function check() {
  const names = new Set(committedNames());
  const differing = [...built].filter(([name, content]) => !names.has(name) || !isSame(name, content));
  const stray = [...names].filter((name) => !built.has(name));
  const problems = [...differing.map(([name]) => `${name}: not as built`), ...stray.map((name) => `${name}: not built`)];
  for (const problem of problems) console.error(`service/playhead/static/${problem}`);
  if (problems.length > 0) {
    console.error("run `make assets` and commit what it writes");
    process.exit(1);
  }
  console.log(`${built.size} files in service/playhead/static are as built`);
}

function write() {
  rmSync(target, { recursive: true, force: true });
  for (const [name, content] of built) {
    mkdirSync(dirname(join(target, name)), { recursive: true });
    writeFileSync(join(target, name), name.endsWith(".gz") ? gzipSync(content, { level: 9 }) : content);
  }
  console.log(`wrote ${built.size} files to service/playhead/static`);
}

process.argv.includes("--check") ? check() : write();
