// ssh(1) in the manner of ssh2 from npm, for GIT_SSH_COMMAND: ssh2_ssh.js [--pkt-lines] PORT KEY HOST COMMAND.
// --pkt-lines: one pkt-line for each write to the channel, as pkt_lines.py has it.
"use strict";

const fs = require("fs");
const { Client } = require("ssh2");

const OBJECT = 200;
const words = process.argv.slice(2);
const oneByOne = words[0] === "--pkt-lines";
const [port, key, , command] = words.slice(oneByOne ? 1 : 0);

function lengthOfFirst(data) {
  const head = data.toString("latin1", 0, 4);
  if (!/^[0-9a-f]{4}$/i.test(head)) return Math.min(OBJECT, data.length);
  return Math.max(4, parseInt(head, 16));
}

function pump(channel) {
  let held = Buffer.alloc(0);
  process.stdin.on("data", (read) => {
    if (!oneByOne) return void channel.write(read);
    held = Buffer.concat([held, read]);
    while (held.length >= 4 && lengthOfFirst(held) <= held.length) {
      const length = lengthOfFirst(held);
      channel.write(held.subarray(0, length));
      held = held.subarray(length);
    }
  });
  process.stdin.on("end", () => channel.end(held));
}

function fail(error) {
  process.stderr.write(`ssh2: ${error.message}\n`);
  process.exit(255);
}

const connection = new Client();
connection.on("error", fail);
connection.on("ready", () =>
  connection.exec(command, (error, channel) => {
    if (error) return fail(error);
    let status = 255;
    channel.pipe(process.stdout);
    channel.stderr.pipe(process.stderr);
    channel.on("exit", (code) => (status = code === null ? 255 : code));
    channel.on("close", () => {
      connection.end();
      process.stdout.write("", () => process.exit(status));
    });
    pump(channel);
  }));
connection.connect({ host: "127.0.0.1", port: Number(port), username: "git", privateKey: fs.readFileSync(key) });
