#!/usr/bin/env node
// npm's solc (the official compiler as WebAssembly) behind the command line of the native one, as far as it is used here:
// --version, and --standard-json from stdin with every source in it.
"use strict";
const fs = require("fs");

// Through setup's link in .solc/, __dirname is still tools/: node resolves it, so the repository's packages are found.
const solc = require("solc");

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

const options = new Set(process.argv.slice(2));
if (options.has("--version")) {
  write(1, `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (options.has("--standard-json")) {
  write(1, `${solc.compile(fs.readFileSync(0, "utf8"))}\n`);
} else {
  write(2, "tools/solc.js answers --version and --standard-json only: it stands in for a native solc\n");
  process.exit(1);
}
