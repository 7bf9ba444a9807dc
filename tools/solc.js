#!/usr/bin/env node
// npm's solc (the official compiler as WebAssembly) behind the command line of the native one, as far as it is used here:
// --version, and --standard-json from stdin with every source in it. A list of inputs gives the list of their outputs.
"use strict";
const { once } = require("events");
const fs = require("fs");
const os = require("os");
const { Worker, isMainThread, parentPort } = require("worker_threads");

// Through setup's link in .solc/, __dirname is still tools/: node resolves it, so the repository's packages are found.
const solc = () => require("solc");

// Threads share the machine code that node makes of the compiler: as many processes would take half as long again.
async function compileAll(inputs) {
  const outputs = [];
  let next = 0;
  async function work() {
    const worker = new Worker(__filename);
    while (next < inputs.length) {
      const number = next++;
      worker.postMessage(JSON.stringify(inputs[number]));
      [outputs[number]] = await once(worker, "message");
    }
    await worker.terminate();
  }
  await Promise.all(Array.from({ length: Math.min(os.availableParallelism(), inputs.length) }, work));
  return `[${outputs.join(",")}]`;
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

async function main(options) {
  if (options.includes("--version")) {
    write(1, `solc, the solidity compiler commandline interface\nVersion: ${solc().version()}\n`);
  } else if (options.includes("--standard-json")) {
    const input = JSON.parse(fs.readFileSync(0, "utf8"));
    write(1, Array.isArray(input) ? await compileAll(input) : solc().compile(JSON.stringify(input)));
  } else {
    write(2, "tools/solc.js answers --version and --standard-json only: it stands in for a native solc\n");
    process.exitCode = 1;
  }
}

if (isMainThread) main(process.argv.slice(2));
else parentPort.on("message", (input) => parentPort.postMessage(solc().compile(input)));
