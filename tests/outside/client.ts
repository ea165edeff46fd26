// A client in TypeScript, made from nothing but the OpenAPI document: its types compile under
// `--strict`, and what it sends and reads is right.
// node client.ts http://127.0.0.1:8000 KEY

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Contact = components["schemas"]["ContactOut"];

async function main(baseUrl: string, key: string): Promise<void> {
  const api = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${key}` } });

  const made = await api.POST("/v1/contacts", { body: { last_name: "Client", tags: ["sample"] } });
  if (made.error) throw new Error(made.error.code);
  const contact: Contact = made.data;

  const changed = await api.PATCH("/v1/contacts/{id}", {
    params: { path: { id: contact.id }, header: { "If-Match": `"${contact.version}"` } },
    body: { title: "Tester" },
  });
  if (changed.error) throw new Error(changed.error.code);
  // With `Prefer: return=minimal` there would be none.
  if (!changed.data) throw new Error("no record came back");
  if (changed.data.title !== "Tester") throw new Error("the title was not set");

  const stale = await api.DELETE("/v1/contacts/{id}", {
    params: { path: { id: contact.id }, header: { "If-Match": '"1"' } },
  });
  if (stale.error?.code !== "stale") throw new Error("a stale version was not refused");

  const found = await api.POST("/v1/contacts/query", {
    body: { filter: { tags: { has: "sample" } }, count: "exact" },
  });
  if (found.error) throw new Error(found.error.code);
  if (!found.data.data.some((one: Contact) => one.id === contact.id)) throw new Error("not found");

  const removed = await api.DELETE("/v1/contacts/{id}", {
    params: { path: { id: contact.id } },
  });
  if (removed.error) throw new Error(removed.error.code);
  console.log("TypeScript client: works");
}

const [baseUrl, key] = process.argv.slice(2);
await main(baseUrl!, key!);
