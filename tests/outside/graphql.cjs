// GraphQL over HTTP: the audits of graphql-http against /graphql of a running service.
// NODE_PATH=… node graphql.cjs http://127.0.0.1:8000/graphql KEY

const { serverAudits } = require("graphql-http");

async function main(url, key) {
  const authorized = (to, options = {}) =>
    fetch(to, { ...options, headers: { ...options.headers, authorization: `Bearer ${key}` } });
  let failed = 0;
  for (const audit of serverAudits({ url, fetchFn: authorized })) {
    const result = await audit.fn();
    if (result.status === "ok") continue;
    const must = /^(MUST|SHOULD)/.test(result.name);
    failed += must;
    console.error(`${must ? "FAILED" : "not so"} ${result.id} ${result.name}: ${result.reason}`);
  }
  console.log(failed ? `GraphQL over HTTP: ${failed} failed` : "GraphQL over HTTP: conformant");
  process.exit(failed ? 1 : 0);
}

main(...process.argv.slice(2));
