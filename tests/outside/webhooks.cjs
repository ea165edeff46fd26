// Webhooks as Standard Webhooks has them: what a running service sends is verified by the reference
// library of npm. NODE_PATH=… node webhooks.cjs http://127.0.0.1:8000 KEY

const assert = require("node:assert/strict");
const http = require("node:http");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const PATIENCE_MS = 60_000;

async function main(url, key) {
  const api = async (method, path, body) => {
    const answer = await fetch(`${url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    assert(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.status === 204 ? null : answer.json();
  };

  const got = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      got.push({ headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
      response.writeHead(204).end();
    });
  });
  await new Promise((begun) => server.listen(0, "127.0.0.1", begun));
  const to = `http://127.0.0.1:${server.address().port}/hook`;

  const hook = await api("POST", "webhooks", { url: to, topics: ["contact.created"] });
  const contact = await api("POST", "contacts", { last_name: "Jäger – 猟師" });
  const delivered = async (count) => {
    const end = Date.now() + PATIENCE_MS;
    while (got.length < count && Date.now() < end) await new Promise((go) => setTimeout(go, 50));
    assert.equal(got.length, count, `${got.length} of ${count} were sent`);
    return got[count - 1];
  };

  const { headers, body } = await delivered(1);
  const event = new Webhook(hook.secret).verify(body, headers);
  assert.equal(event.type, "contact.created");
  assert.equal(event.record_id, contact.id);
  assert.equal(event.id, headers["webhook-id"]);
  const other = `whsec_${Buffer.alloc(32).toString("base64")}`;
  for (const [secret, sent, signed] of [
    [hook.secret, `${body} `, headers],
    [hook.secret, body, { ...headers, "webhook-id": `${event.id}0` }],
    [other, body, headers],
  ]) {
    assert.throws(() => new Webhook(secret).verify(sent, signed), WebhookVerificationError);
  }

  // While a secret is replaced, both sign; afterwards the new one alone.
  const { secret } = await api("POST", `webhooks/${hook.id}/rotate-secret`, {});
  await api("POST", "contacts", { last_name: "Both" });
  const both = await delivered(2);
  assert.equal(both.headers["webhook-signature"].split(" ").length, 2);
  for (const one of [hook.secret, secret]) new Webhook(one).verify(both.body, both.headers);
  const last = await api("POST", `webhooks/${hook.id}/rotate-secret`, { grace_period_seconds: 0 });
  await api("POST", "contacts", { last_name: "Last" });
  const after = await delivered(3);
  new Webhook(last.secret).verify(after.body, after.headers);
  for (const one of [hook.secret, secret]) {
    assert.throws(() => new Webhook(one).verify(after.body, after.headers), WebhookVerificationError);
  }

  await api("DELETE", `webhooks/${hook.id}`);
  server.close();
  server.closeAllConnections();
  console.log("Standard Webhooks: verified, also while a secret is replaced");
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
