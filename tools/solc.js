#!/usr/bin/env node
// npm's solc (the official compiler as WebAssembly) behind the command line of the native one, as far as Ape and
// crytic-compile use it: --version, and --standard-json with --base-path, --include-path and --allow-paths.
"use strict";
const fs = require("fs");
const path = require("path");

// Through setup's link in .solc/, __dirname is still metalayer/: node resolves it, so the repository's packages are found.
const solc = require("solc");

const LIST_OPTIONS = new Set(["--base-path", "--include-path", "--allow-paths"]);
const values = { "--base-path": [], "--include-path": [], "--allow-paths": [] };
const flags = new Set();
const rest = [];
for (let args = process.argv.slice(2); args.length > 0; ) {
  const [option, value] = args.shift().split(/=(.*)/s);
  if (LIST_OPTIONS.has(option)) values[option].push(value ?? args.shift());
  else if (option.startsWith("--")) flags.add(option);
  else if (option !== "-") rest.push(option);
}

// A pipe takes what it has room for, or throws EAGAIN: large outputs need the loop.
function write(descriptor, text) {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(descriptor, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function fail(message) {
  write(2, `${message}\n`);
  process.exit(1);
}

function findImport(name) {
  for (const folder of [...values["--base-path"], ...values["--include-path"], "."]) {
    try {
      return { contents: fs.readFileSync(path.resolve(folder, name), "utf8") };
    } catch (error) {
      if (error.code !== "ENOENT" && error.code !== "ENOTDIR") return { error: String(error) };
    }
  }
  return { error: `File not found: ${name}` };
}

if (flags.has("--version")) {
  write(1, `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (flags.has("--standard-json")) {
  const input = fs.readFileSync(rest.length > 0 ? rest[0] : 0, "utf8");
  write(1, `${solc.compile(input, { import: findImport })}\n`);
} else {
  fail("tools/solc.js answers --version and --standard-json only: it stands in for a native solc");
}
