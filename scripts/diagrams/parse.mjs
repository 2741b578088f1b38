// Parse Mermaid diagrams with Mermaid itself: [{"name", "text"}] on stdin; tells each that does not parse.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import("mermaid");

let sent = "";
for await (const part of process.stdin) sent += part;
for (const { name, text } of JSON.parse(sent)) {
  try {
    await mermaid.parse(text);
  } catch (error) {
    console.log(`${name}: does not parse: ${String(error.message).split("\n").slice(0, 4).join(" / ")}`);
    process.exitCode = 1;
  }
}
