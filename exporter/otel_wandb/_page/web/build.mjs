// Bundles the page to ../viewer.js and ../viewer.css (or into the directory that is given), the same bytes everywhere.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const target = process.argv[2] ?? "..";
const notice = ["preact", "@preact/signals", "@preact/signals-core"]
  .map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}`)
  .join("\n\n");
const common = { bundle: true, minify: true, format: "iife", target: "es2022", charset: "ascii", write: false, legalComments: "inline", logLevel: "warning" };

const [worker] = (await build({ ...common, entryPoints: ["src/worker.ts"] })).outputFiles;
const [script] = (
  await build({ ...common, entryPoints: ["src/app.tsx"], jsx: "automatic", jsxImportSource: "preact", define: { WORKER: JSON.stringify(worker.text.trim()) } })
).outputFiles;
const [style] = (await build({ ...common, entryPoints: ["src/style.css"] })).outputFiles;

if (/<\/(script|style)/i.test(script.text + style.text)) throw new Error("The asset would end its own element.");
writeFileSync(join(target, "viewer.js"), `/*!\nThis page includes the following.\n\n${notice}\n*/\n${script.text.trim()}\n`);
writeFileSync(join(target, "viewer.css"), `${style.text.trim()}\n`);
