// A client on the official TypeScript SDK runs every tool of memoryos-mcp.
// usage: node client.mjs stdio COMMAND [ARGUMENT…]   or   node client.mjs http URL
// The last line that it prints is a JSON object of what it saw; it ends with 1 when something failed.

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [kind, target, ...rest] = process.argv.slice(2);
const transport =
  kind === "http"
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args: rest, env: process.env });

const client = new Client({ name: "typescript-test", version: "1.0.0" });
await client.connect(transport);

async function call(name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, JSON.stringify(result.content));
  assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
  return result.structuredContent;
}

const { tools } = await client.listTools();
const names = tools.map((tool) => tool.name).sort();
for (const tool of tools) {
  assert.equal(tool.inputSchema.type, "object");
  assert.equal(tool.outputSchema.type, "object");
  assert.equal(tool.annotations.destructiveHint, tool.name === "forget_memory");
}

const said = { user_input: "Soy Tom, científico de datos 🙂", agent_response: "¡Hola, Tom!" };
const added = await call("add_memory", said);
await Promise.all(
  Array.from({ length: 20 }, (_, n) =>
    call("add_memory", { user_input: `topic${n} is mine`, agent_response: "ok" }),
  ),
);
const found = await call("retrieve_memory", { query: "científico", max_results: 3 });
assert.equal(found.retrieved_pages[0].user_input, said.user_input);
const profile = await call("get_user_profile", { include_assistant_knowledge: true });
const gone = await call("forget_memory", { page_id: added.page_id });
assert.equal(gone.erased.pages, 1);

const unknown = await client.callTool({ name: "explain_memory", arguments: { id: "none" } });
assert.ok(unknown.isError);
const wrong = await client.callTool({ name: "add_memory", arguments: { user_input: 5 } });
assert.ok(wrong.isError);

const { resources } = await client.listResources();
const status = await client.readResource({ uri: "memoryos://status" });
const { pages } = JSON.parse(status.contents[0].text);

await client.close();
console.log(
  JSON.stringify({
    server: client.getServerVersion()?.name,
    names,
    resources: resources.map((resource) => resource.uri).sort(),
    pages,
    user: profile.user_id,
  }),
);
